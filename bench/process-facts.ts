import { readFileSync } from 'node:fs'

/** Clock ticks per second in `/proc`, the same on every Linux that Node runs on. */
const TICKS = 100

/** Resident memory of a process, in MB. */
export function rssMb(pid: number): number {
  return statusKb(pid, 'VmRSS') / 1_024
}

/** The most that a process ever had resident, in MB. */
export function rssPeakMb(pid: number): number {
  return statusKb(pid, 'VmHWM') / 1_024
}

/** Processor time that a process has used so far, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold spaces; what is counted comes behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

function statusKb(pid: number, name: string): number {
  const [, value] =
    new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(value)
}
