import { newId } from '../domain/id.ts'
import { ORIGIN_UNKNOWN } from '../domain/turn.ts'
import type { NewStep } from '../store/steps.ts'
import type { Drive } from './drive.ts'

export function newStep(drive: Pick<Drive, 'lease' | 'projectId' | 'request'>, index: number): NewStep {
  const { lease, projectId, request } = drive
  return { ...lease, id: newId('step'), index, projectId, origin: request.origin ?? ORIGIN_UNKNOWN }
}
