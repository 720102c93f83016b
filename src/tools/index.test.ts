import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../domain/json.ts'
import type { BuiltInTool, ToolContext } from '../domain/tool.ts'
import { BUILT_IN_SPECS, createBuiltInTools } from './index.ts'

/** What the old server told of its tools, without descriptions: clients and stored agents depend on it. */
const RECORDED: Record<string, JsonObject> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'built-in-tools.recording.json'), 'utf8'),
)

/** Descriptions that stand on the wire: whole, and by the path to the parameter. */
const TOLD: [tool: string, path: string, text: string][] = [
  ['send_message', '', 'Sends a message to the human user.'],
  ['core_memory_append', '', 'Append to the contents of core memory.'],
  ['core_memory_append', 'label', 'Section of the memory to be edited.'],
  ['core_memory_replace', 'label', 'Section of the memory to be edited.'],
  ['memory', 'old_string', 'Old text to replace (for str_replace)'],
  ['memory', 'insert_line', 'Line number to insert at (for insert)'],
  ['memory', 'insert_text', 'Text to insert (for insert)'],
  ['memory', 'old_path', 'Old path for rename operation'],
  ['memory', 'new_path', 'New path for rename operation'],
  ['open_files', 'file_requests.items.file_name', 'Name of the file to open'],
  ['run_code', 'code', 'The code to run.'],
  ['run_code', 'language', 'The language of the code.'],
  ['run_code_with_tools', 'code', 'The python code to run.'],
]

const TOOLS = createBuiltInTools({
  searchMessages: async () => [],
  post: {
    ask: async (agentId) => ({ agentId, texts: [] }),
    tell: async () => undefined,
    findByTags: async () => [],
  },
})

describe('the built-in tools', () => {
  it('are those of the old server', () => {
    expect(TOOLS.map(({ spec }) => spec.name).toSorted()).toEqual(Object.keys(RECORDED).toSorted())
  })

  it.each(TOOLS.map((tool) => [tool.spec.name, tool] as const))(
    '%s has its kind and its parameters, in their order, each described',
    (name, { spec, toolType, enableParallelExecution }) => {
      const parameters = withoutDescriptions(spec.parameters)
      const told = { tool_type: toolType, parallel: enableParallelExecution, parameters }
      expect(JSON.stringify(told)).toBe(JSON.stringify(RECORDED[name]))
      expect(spec.description).not.toBe('')
      const described = Object.values(spec.parameters.properties as Record<string, JsonObject>)
      expect(
        described.every(({ description }) => typeof description === 'string' && description !== ''),
      ).toBe(true)
    },
  )

  it('have the short descriptions that the old server gave them', () => {
    const found = TOLD.map(([name, path]) => [name, path, textAt(specOf(name), path)])
    expect(found).toEqual(TOLD)
  })

  it('are told about without what they reach for', () => {
    expect(BUILT_IN_SPECS).toEqual(TOOLS.map(({ tool: _, ...spec }) => spec))
  })
})

describe('what a tool may touch', () => {
  it('is other agents only for those that send them messages', () => {
    expect(namesOf('acts')).toEqual([
      'send_message_to_agent_and_wait_for_reply',
      'send_message_to_agents_matching_tags',
      'send_message_to_agent_async',
    ])
  })

  it('is memory for those that edit it', () => {
    expect(namesOf('edits')).toEqual([
      'memory_insert',
      'memory_replace',
      'memory_rethink',
      'memory',
      'memory_apply_patch',
      'core_memory_append',
      'core_memory_replace',
    ])
  })
})

describe('send_message', () => {
  it('takes a text, and what an agent with a form for its answers sends instead', async () => {
    const sent = { ok: true, output: 'Sent message successfully.' }
    expect(await read('send_message', { message: 'Hi' })).toEqual(sent)
    expect(await read('send_message', { message: { answer: 42 } })).toEqual(sent)
  })

  it('needs something to say', async () => {
    expect(await read('send_message', {})).toEqual({
      ok: false,
      errorName: 'TypeError',
      message: "send_message() is missing 1 required argument: 'message'",
    })
  })
})

describe('a tool that this release cannot run', () => {
  it.each([
    ['archival_memory_insert', 'archival memory comes in a later release'],
    ['archival_memory_search', 'archival memory comes in a later release'],
    ['run_code', 'running code comes in a later release'],
    ['run_code_with_tools', 'running code comes in a later release'],
    ['web_search', 'reading the web comes in a later release'],
    ['fetch_webpage', 'reading the web comes in a later release'],
    ['open_files', 'folders and their files come in a later release'],
    ['grep_files', 'folders and their files come in a later release'],
    ['semantic_search_files', 'folders and their files come in a later release'],
    ['store_memories', 'agents that talk on the phone are not supported'],
    ['rethink_user_memory', 'agents that talk on the phone are not supported'],
    ['finish_rethinking_memory', 'agents that talk on the phone are not supported'],
    ['search_memory', 'agents that talk on the phone are not supported'],
  ])('says so: %s', async (name, reason) => {
    expect(await read(name, {})).toEqual({
      ok: false,
      errorName: 'NotImplementedError',
      message: expect.stringMatching(`^${name} did nothing: ${reason}`),
    })
  })
})

function specOf(name: string): JsonObject {
  const { description, parameters } = TOOLS.find(({ spec }) => spec.name === name)?.spec ?? {}
  return { ...parameters, description: description ?? null }
}

/** The description at a path of parameters; `items` goes into a list. */
function textAt(schema: JsonObject, path: string): Json | undefined {
  const steps = path === '' ? [] : path.split('.')
  const end = steps.reduce<JsonObject>((at, step) => {
    const holder = step === 'items' ? at : (at.properties as JsonObject)
    return holder[step] as JsonObject
  }, schema)
  return end.description
}

function namesOf(effect: BuiltInTool['tool']['effect']): string[] {
  return TOOLS.filter(({ tool }) => tool.effect === effect).map(({ spec }) => spec.name)
}

async function read(name: string, args: JsonObject) {
  const tool = TOOLS.find(({ spec }) => spec.name === name)?.tool
  if (tool?.effect !== 'reads') throw new Error(`${name} does more than to read`)
  return tool.run(args, {} as ToolContext)
}

/** A parameter may be called `description`; a description is a text. */
function withoutDescriptions(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutDescriptions)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(
    ([key, item]) => key !== 'description' || typeof item !== 'string',
  )
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutDescriptions(item)]))
}
