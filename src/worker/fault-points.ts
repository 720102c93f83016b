import { StartError } from '../domain/start-error.ts'
import { FAULT_POINTS, type FaultPoint } from './deps.ts'

/**
 * For crash tests: `point:nth` kills the process (as `kill -9` would) at the nth passage of a point. Null: never. It
 * works on every build, so that what is tested is what is shipped.
 */
export function faultOf(setting: string | null): (point: FaultPoint) => void {
  if (setting === null) return () => undefined
  const [wanted, nth] = setting.split(':')
  if (!FAULT_POINTS.some((point) => point === wanted)) {
    throw new StartError(
      `PERDURE_FAULT: ${wanted} is not a fault point; there are ${FAULT_POINTS.join(', ')}`,
    )
  }
  let left = Number(nth)
  return (point) => {
    if (point !== wanted) return
    left -= 1
    if (left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
