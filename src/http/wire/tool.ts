import type { ToolChange, ToolRow } from '../../store/tools.ts'
import type { Tool, ToolUpdate } from '../schemas/tool.ts'

/** A tool as clients read it. */
export function toWireTool(row: ToolRow): Tool {
  return {
    id: row.id,
    tool_type: row.tool_type,
    description: row.description,
    source_type: row.source_type,
    name: row.name,
    tags: row.tags,
    source_code: row.source_code,
    json_schema: row.json_schema,
    args_json_schema: row.args_json_schema,
    return_char_limit: row.return_char_limit,
    pip_requirements: row.pip_requirements,
    npm_requirements: row.npm_requirements,
    default_requires_approval: row.default_requires_approval,
    enable_parallel_execution: row.enable_parallel_execution ?? false,
    created_by_id: row.created_by_id,
    last_updated_by_id: row.last_updated_by_id,
    metadata_: row.metadata ?? {},
    project_id: row.project_id,
  }
}

/** What may be changed of every tool. A built-in tool's text, schema and source are the server's own. */
export function decodeToolChange(body: ToolUpdate, isBuiltIn: boolean): ToolChange {
  const { description, tags, return_char_limit: limit, metadata_: metadata } = body
  return {
    ...(description !== undefined && { description }),
    ...(tags && { tags: JSON.stringify(tags) }),
    ...(typeof limit === 'number' && { return_char_limit: limit }),
    ...(metadata && { metadata: JSON.stringify(metadata) }),
    ...(body.default_requires_approval !== undefined && {
      default_requires_approval: body.default_requires_approval,
    }),
    ...(typeof body.enable_parallel_execution === 'boolean' && {
      enable_parallel_execution: body.enable_parallel_execution,
    }),
    ...(!isBuiltIn && decodeCustomChange(body)),
  }
}

function decodeCustomChange(body: ToolUpdate): ToolChange {
  const { json_schema: schema, source_code: code } = body
  return {
    ...(schema && { json_schema: JSON.stringify(schema) }),
    ...(typeof schema?.name === 'string' && { name: schema.name }),
    ...(typeof code === 'string' && { source_code: code }),
    ...(typeof body.source_type === 'string' && { source_type: body.source_type }),
    ...(body.args_json_schema !== undefined && { args_json_schema: jsonOrNull(body.args_json_schema) }),
    ...(body.pip_requirements !== undefined && { pip_requirements: jsonOrNull(body.pip_requirements) }),
    ...(body.npm_requirements !== undefined && { npm_requirements: jsonOrNull(body.npm_requirements) }),
  }
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}
