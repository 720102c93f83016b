// The strict checks of all four wire formats behind one function, for tests that have a request and no server.

import { validateAnthropic } from './anthropic.mjs';
import { validateGenerate } from './google.mjs';
import { validateChat } from './openai-chat.mjs';
import { validateItems, validateSettings } from './openai-responses.mjs';

const HEADERS = { 'x-api-key': 'test', 'x-goog-api-key': 'test', authorization: 'Bearer test', 'anthropic-version': '2023-06-01' };

const VALIDATORS = {
  'openai-chat': (x) => validateChat(x.body, x),
  'openai-responses': (x) => {
    validateSettings(x.body, x);
    validateItems(typeof x.body.input === 'string' ? [{ role: 'user', content: x.body.input }] : x.body.input, x.body);
  },
  anthropic: (x) => validateAnthropic(x),
  google: (x, model) => validateGenerate(x, model, 'generateContent'),
};

/** Why a provider would refuse this body; null: it takes it. */
export function refusalOf(wire, model, body) {
  const x = { body, headers: HEADERS, query: new URLSearchParams(), state: { anthropicMerge: false } };
  try {
    VALIDATORS[wire](x, model);
    return null;
  } catch (error) {
    return error?.body ? JSON.stringify(error.body) : String(error?.message ?? error);
  }
}
