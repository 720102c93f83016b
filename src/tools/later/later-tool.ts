import type { BuiltInTool } from '../../domain/tool.ts'
import { builtInTool, type Definition } from '../define.ts'
import type { ParameterTable } from '../parameters.ts'

/**
 * A tool that agents of the old server may have and that this release cannot run. It is there by name and schema, so
 * that such agents can be made and moved; a call says why nothing happened, whatever its arguments.
 */
export function laterTool(reason: string, definition: Definition<ParameterTable>): BuiltInTool {
  const message = `${definition.name} did nothing: ${reason}`
  return builtInTool(definition, {
    effect: 'reads',
    run: async () => ({ ok: false, errorName: 'NotImplementedError', message }),
  })
}
