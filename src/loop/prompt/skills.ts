import type { Block } from '../../domain/memory.ts'
import type { ClientSkill } from '../../domain/turn.ts'

/**
 * The system text of one request, with the skills that the agent and the client have. Never stored: skills come and go
 * with the client.
 */
export function withSkills(system: string, blocks: Block[], skills: ClientSkill[]): string {
  const own = blocks.flatMap((block) => {
    const match = /^skills\/([^/]+)(\/SKILL)?$/.exec(block.label)
    return match?.[1] ? [{ name: match[1], description: block.description ?? '', location: block.label }] : []
  })
  const taken = new Set(own.map((skill) => skill.name))
  const all = [...own, ...skills.filter((skill) => !taken.has(skill.name))]
  if (all.length === 0) return system
  const lines = all.map((skill) => `- ${skill.name} [${skill.location}] (${firstLine(skill.description)})`)
  return `${system}\n\n<available_skills>\n${lines.join('\n')}\n</available_skills>`
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
