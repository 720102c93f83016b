import type { InputItem } from '../../domain/input.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { UserPart } from '../../domain/message.ts'
import type { Schedule, Timing } from '../../domain/schedule.ts'

export function toWireSchedule(schedule: Schedule): JsonObject {
  const { input, stepsMax, returnTypes, callbackUrl } = schedule
  return {
    id: schedule.id,
    agent_id: schedule.agentId,
    message: {
      messages: input.flatMap(toWireInput),
      max_steps: stepsMax,
      ...(callbackUrl !== null && { callback_url: callbackUrl }),
      ...(returnTypes && { include_return_message_types: returnTypes }),
    },
    schedule: toWireTiming(schedule.timing),
    next_scheduled_time: schedule.nextAt,
  }
}

function toWireTiming(timing: Timing): JsonObject {
  return timing.type === 'one-time'
    ? { type: 'one-time', scheduled_at: timing.atMs }
    : { type: 'recurring', cron_expression: timing.cron, timezone: timing.timezone }
}

/** Schedules hold messages only: an approval is answered by whoever is asked. */
function toWireInput(item: InputItem): JsonObject[] {
  if (item.type !== 'message') return []
  const { role, name, otid, senderId } = item
  return [
    {
      type: 'message',
      role,
      content: item.content.map(toWirePart),
      ...(name !== null && { name }),
      ...(otid !== null && { otid }),
      ...(senderId !== null && { sender_id: senderId }),
    },
  ]
}

function toWirePart(part: UserPart): JsonObject {
  if (part.type === 'text') return { type: 'text', text: part.text }
  const { source } = part
  if (source.type === 'url') return { type: 'image', source: { type: 'url', url: source.url } }
  const { mediaType, data, detail } = source
  return {
    type: 'image',
    source: { type: 'base64', media_type: mediaType, data, ...(detail !== undefined && { detail }) },
  }
}
