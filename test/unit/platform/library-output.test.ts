/** What native libraries have printed, as the user sees it. */
import { expect, it } from 'vitest';
import { describeLibraryText } from '../../../src/platform/library-output.ts';

it('shows what a library prints twice once, in its order', () => {
  const said = 'Warning: no driver\n    at Check (file:1)\n';
  expect(describeLibraryText(`${said}${said}\nother\n`)).toBe(
    'Messages of GPU drivers and libraries:\n  Warning: no driver\n      at Check (file:1)\n  other',
  );
  expect(describeLibraryText('\n')).toBe('');
});
