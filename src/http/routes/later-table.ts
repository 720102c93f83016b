import { z } from '@hono/zod-openapi'
import type { Method } from '../route.ts'
import { AnyObject } from '../schemas/basics.ts'

export type LaterRoute = {
  method: Method
  path: string
  /** What is not there, in the plural: `Archives`. */
  subject: string
  /** One of them, where a read says that it is missing. */
  noun: string
  answer: 'empty' | 'zero' | 'no_files' | 'no_map' | 'missing' | 'refused' | 'not_allowed' | 'ended'
  /** Fields that the body must have. */
  needs?: z.ZodRawShape
  /** The body is a form with a file, and not read. */
  upload?: true
}

type Line = [answer: LaterRoute['answer'], ...routes: string[]]

/** The routes of one subject, each as `method path`. */
function later(subject: string, noun: string, ...lines: Line[]): LaterRoute[] {
  return lines.flatMap(([answer, ...routes]) =>
    routes.map((text) => {
      const [method = '', path = ''] = text.split(' ')
      // The table below has no other methods.
      return { method: method as Method, path, subject, noun, answer }
    }),
  )
}

/** A kind of thing that can be listed, counted, made, read, changed and deleted. */
function resource(
  subject: string,
  noun: string,
  path: string,
  param: string,
  ...lines: Line[]
): LaterRoute[] {
  const one = `${path}/{${param}}`
  return later(
    subject,
    noun,
    ['empty', `get ${path}`],
    ['refused', `post ${path}`],
    ['missing', `get ${one}`, `patch ${one}`, `delete ${one}`],
    ...lines,
  )
}

/** Folders were called sources once; their routes are there twice. */
function folders(path: string, param: string): LaterRoute[] {
  const one = `${path}/{${param}}`
  return [
    ...resource(
      'Folders',
      'Source',
      path,
      param,
      ['zero', `get ${path}/count`],
      ['refused', `get ${path}/metadata`],
      ['missing', `get ${path}/name/{name}`, `get ${one}/agents`, `get ${one}/passages`, `get ${one}/files`],
      ['missing', `get ${one}/files/{file_id}`, `delete ${one}/{file_id}`],
    ),
    {
      method: 'post',
      path: `${one}/upload`,
      subject: 'Folders',
      noun: 'Source',
      answer: 'missing',
      upload: true,
    },
  ]
}

const agent = '/agents/{agent_id}'
const server = '/mcp-servers/{mcp_server_id}'
const legacyServer = '/tools/mcp/servers/{mcp_server_name}'

export const LATER: LaterRoute[] = [
  ...resource(
    'Archives',
    'Archive',
    '/archives',
    'archive_id',
    ['missing', 'get /archives/{archive_id}/agents', 'post /archives/{archive_id}/passages'],
    [
      'missing',
      'post /archives/{archive_id}/passages/batch',
      'delete /archives/{archive_id}/passages/{passage_id}',
    ],
    ['missing', `patch ${agent}/archives/attach/{archive_id}`, `patch ${agent}/archives/detach/{archive_id}`],
  ),
  ...later(
    'Archival memories',
    'Passage',
    ['empty', `get ${agent}/archival-memory`],
    [
      'refused',
      `post ${agent}/archival-memory`,
      `get ${agent}/archival-memory/search`,
      'post /passages/search',
    ],
    ['missing', `delete ${agent}/archival-memory/{memory_id}`],
    ['zero', 'get /embeddings/total_storage_size'],
  ),

  ...folders('/folders', 'folder_id'),
  ...folders('/sources', 'source_id'),
  ...later(
    'Folders',
    'Source',
    ['empty', `get ${agent}/folders`, `get ${agent}/sources`],
    ['missing', `patch ${agent}/folders/attach/{folder_id}`, `patch ${agent}/folders/detach/{folder_id}`],
    ['missing', `patch ${agent}/sources/attach/{source_id}`, `patch ${agent}/sources/detach/{source_id}`],
  ),
  ...later(
    'Files',
    'File',
    ['no_files', `get ${agent}/files`],
    ['empty', `patch ${agent}/files/close-all`],
    ['missing', `patch ${agent}/files/{file_id}/open`, `patch ${agent}/files/{file_id}/close`],
  ),

  ...resource(
    'Identities',
    'Identity',
    '/identities',
    'identity_id',
    ['zero', 'get /identities/count'],
    ['refused', 'put /identities'],
    ['missing', 'put /identities/{identity_id}/properties'],
    ['missing', 'get /identities/{identity_id}/agents', 'get /identities/{identity_id}/blocks'],
    [
      'missing',
      `patch ${agent}/identities/attach/{identity_id}`,
      `patch ${agent}/identities/detach/{identity_id}`,
    ],
    ['missing', 'patch /blocks/{block_id}/identities/attach/{identity_id}'],
    ['missing', 'patch /blocks/{block_id}/identities/detach/{identity_id}'],
  ),
  ...resource(
    'Groups',
    'Group',
    '/groups',
    'group_id',
    ['zero', 'get /groups/count'],
    ['empty', `get ${agent}/groups`],
    ['missing', 'get /groups/{group_id}/messages', 'post /groups/{group_id}/messages'],
    ['missing', 'patch /groups/{group_id}/reset-messages', 'patch /groups/{group_id}/messages/{message_id}'],
    ['missing', 'patch /groups/{group_id}/blocks/attach/{block_id}'],
    ['missing', 'patch /groups/{group_id}/blocks/detach/{block_id}'],
  ),

  ...resource(
    'MCP servers',
    'MCPServer',
    '/mcp-servers',
    'mcp_server_id',
    ['missing', `get ${server}/tools`, `get ${server}/tools/{tool_id}`, `post ${server}/tools/{tool_id}/run`],
    ['missing', `patch ${server}/refresh`, 'get /mcp-servers/connect/{mcp_server_id}'],
    ['no_map', 'get /tools/mcp/servers'],
    ['refused', 'put /tools/mcp/servers', 'post /tools/mcp/servers/test', 'post /tools/mcp/servers/connect'],
    ['missing', `patch ${legacyServer}`, `delete ${legacyServer}`, `get ${legacyServer}/tools`],
    ['missing', `post ${legacyServer}/resync`, `post ${legacyServer}/{mcp_tool_name}`],
    ['missing', `post ${legacyServer}/tools/{tool_name}/execute`],
    ['refused', 'get /tools/mcp/oauth/callback'],
  ),

  ...later(
    'Stored providers',
    'Provider',
    ['empty', 'get /providers'],
    [
      'missing',
      'get /providers/{provider_id}',
      'patch /providers/{provider_id}',
      'delete /providers/{provider_id}',
    ],
    ['missing', 'post /providers/{provider_id}/check', 'patch /providers/{provider_id}/refresh'],
    ['refused', 'post /providers/check'],
  ),
  {
    method: 'post',
    path: '/providers',
    subject: 'Stored providers',
    noun: 'Provider',
    answer: 'refused',
    needs: { name: z.string(), provider_type: z.string(), api_key: z.string() },
  },

  ...later('Custom tools', 'Tool', ['refused', 'post /tools/search', 'post /tools/generate-tool']),
  ...later('Custom tools', 'Tool', ['refused', `post ${agent}/tools/{tool_name}/run`]),
  ...(['post /tools', 'put /tools'] as const).flatMap((text) =>
    later('Custom tools', 'Tool', ['refused', text]).map((route) => ({
      ...route,
      needs: { source_code: z.string() },
    })),
  ),
  ...later('Custom tools', 'Tool', ['refused', 'post /tools/run']).map((route) => ({
    ...route,
    needs: { source_code: z.string(), args: AnyObject },
  })),
  ...later('Custom tools', 'Tool', ['refused', 'post /tools/generate-schema']).map((route) => ({
    ...route,
    needs: { code: z.string() },
  })),
  ...later(
    'Tool sandboxes',
    'SandboxConfig',
    ['empty', 'get /sandbox-config'],
    ['refused', 'post /sandbox-config', 'post /sandbox-config/local', 'post /sandbox-config/local/default'],
    ['refused', 'post /sandbox-config/e2b/default', 'post /sandbox-config/local/recreate-venv'],
    ['missing', 'patch /sandbox-config/{sandbox_config_id}', 'delete /sandbox-config/{sandbox_config_id}'],
    ['missing', 'get /sandbox-config/{sandbox_config_id}/environment-variable'],
    ['missing', 'post /sandbox-config/{sandbox_config_id}/environment-variable'],
    ['missing', 'patch /sandbox-config/environment-variable/{env_var_id}'],
    ['missing', 'delete /sandbox-config/environment-variable/{env_var_id}'],
  ),

  ...later('Agent files', 'File', ['refused', `get ${agent}/export`, `post ${agent}/export`]),
  ...later('Agent files', 'File', ['refused', 'post /agents/import']).map((route) => ({
    ...route,
    upload: true as const,
  })),
  ...later('Stored messages', 'Message', ['not_allowed', `patch ${agent}/messages/{message_id}`]),
  ...later('Captured messages', 'Message', ['refused', `post ${agent}/messages/capture`]),
  ...later('Direct completions', 'Message', ['refused', `post ${agent}/generate`]),
  ...later('Voice agents', 'Agent', ['ended', 'post /voice-beta/{agent_id}/chat/completions']),

  ...later(
    'Templates',
    'Template',
    [
      'refused',
      'post /templates',
      'post /templates/{template_version}/agents',
      'post /templates/{template_name}/save',
    ],
    ['refused', 'delete /templates/{template_name}', 'patch /templates/{template_name}'],
    ['refused', 'post /templates/{template_name}/rollback', 'post /_internal_templates/groups'],
    ['refused', 'post /_internal_templates/agents', 'post /_internal_templates/blocks'],
    [
      'refused',
      'post /_internal_templates/blocks/batch',
      'get /_internal_templates/deployment/{deployment_id}',
    ],
    ['refused', 'delete /_internal_templates/deployment/{deployment_id}'],
  ),
  ...later(
    'Access tokens',
    'Token',
    ['refused', 'post /client-side-access-tokens', 'get /client-side-access-tokens'],
    ['refused', 'delete /client-side-access-tokens/{token}'],
  ),
  ...later('Environments', 'Environment', [
    'refused',
    'get /environments',
    'get /environments/{device_id}',
    'post /environments/{device_id}/messages',
  ]),
  ...later('Search caches', 'Cache', ['refused', 'post /_internal_search/cache-warm']),
  ...later('Password checks', 'Password', ['refused', 'post /auth']),
]
