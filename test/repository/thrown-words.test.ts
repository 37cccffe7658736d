/** What a browser's start rejects with, in words: errors, events and plain objects. */
import { expect, it } from 'vitest';
import { wordsOf } from '../support/browser.ts';

it.each<[string, unknown, string]>([
  ['an error', new Error('spawn ENOENT'), 'spawn ENOENT'],
  ['text', 'closed', 'closed'],
  ['nothing', undefined, 'undefined'],
  ['an event with a message', { type: 'error', message: 'socket hang up' }, 'socket hang up'],
  ['an event with an error', { type: 'error', message: '', error: new Error('ECONNRESET') }, 'ECONNRESET'],
  ['an error without a message', new Error('', { cause: new Error('exit code 1') }), 'exit code 1'],
  ['an event with a code', { type: 'close', code: 1006 }, 'event "close 1006"'],
  ['an object', { status: 7 }, '{ status: 7 }'],
])('%s', (_, thrown, words) => {
  expect(wordsOf(thrown)).toBe(words);
});
