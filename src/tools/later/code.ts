import { oneOf, text } from '../parameters.ts'
import { laterTool } from './later-tool.ts'

const REASON = 'running code comes in a later release.'

export const runCode = laterTool(REASON, {
  name: 'run_code',
  toolType: 'letta_builtin',
  description: 'Run a program in a closed room, and read its result and what it printed.',
  parameters: {
    code: text('The code to run.'),
    language: oneOf(['python', 'js', 'ts', 'r', 'java'], 'The language of the code.'),
  },
  parallel: true,
})

export const runCodeWithTools = laterTool(REASON, {
  name: 'run_code_with_tools',
  toolType: 'letta_builtin',
  description: 'Run a Python program that may call your other tools as functions.',
  parameters: { code: text('The python code to run.') },
})
