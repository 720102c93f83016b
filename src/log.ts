import pino from 'pino'
import type { Config } from './config.ts'
import type { Observation, Observe } from './worker/observation.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** How loud each thing is that the server says of itself. */
const LEVELS: Record<Observation['type'], Level> = {
  run_admitted: 'debug',
  request_repeated: 'info',
  run_driven: 'debug',
  run_ended: 'info',
  run_lost: 'warn',
  run_taken_over: 'warn',
  run_crashed: 'error',
  step_ended: 'debug',
  model_failed: 'warn',
  model_answered_first: 'debug',
  tool_ended: 'debug',
  compacted: 'info',
  callback_tried: 'info',
  credit_denied: 'info',
  database_trouble: 'warn',
  flush_failed: 'warn',
  lease_lost: 'error',
  job_failed: 'warn',
  request_ended: 'debug',
  request_crashed: 'error',
  notice: 'info',
}

/** Observations as log lines: JSON, or readable on a terminal. */
export function createLog(config: Pick<Config, 'logLevel'>): { observe: Observe; say(text: string): void } {
  const transport = process.stdout.isTTY
    ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } }
    : {}
  const log = pino({ level: config.logLevel, ...transport })
  return {
    observe(observation) {
      const { type, ...facts } = observation
      const error = 'error' in facts ? { err: facts.error, error: undefined } : {}
      log[LEVELS[type]]({ ...facts, ...error }, type)
    },
    say: (text) => void process.stdout.write(`${text}\n`),
  }
}
