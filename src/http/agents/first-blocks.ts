import { newId } from '../../domain/id.ts'
import type { NewBlock } from '../../store/blocks.ts'
import type { CreateAgent } from '../schemas/agent-input.ts'
import { decodeNewBlock } from '../wire/block.ts'

/** What the two usual blocks are for, when nobody says it. */
const DESCRIPTIONS: Record<string, string> = {
  human:
    'What I know about the person I talk to: who they are, what they like, what we agreed on. I keep it current, so that I can answer as somebody who knows them.',
  persona: 'Who I am: my character, my task, and how I speak. I keep it current as I learn how I should be.',
}

/** The blocks that a request brings along. Of several with one label the first counts. */
export function firstBlocks(body: CreateAgent): NewBlock[] {
  const blocks = (body.memory_blocks ?? []).map((block) =>
    decodeNewBlock(block, newId('block'), body.project_id ?? null),
  )
  return blocks
    .filter((block, index) => blocks.findIndex((other) => other.label === block.label) === index)
    .map((block) => ({ ...block, description: block.description ?? DESCRIPTIONS[block.label ?? ''] ?? null }))
}
