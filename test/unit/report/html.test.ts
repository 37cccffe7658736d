import { describe, expect, it } from 'vitest';
import { toBase64 } from '../../../src/report/base64.ts';
import { escapeHtml, html, jsonForScript, trusted } from '../../../src/report/html.ts';

describe('HTML from templates', () => {
  it('escapes values, in text and in attributes', () => {
    const name = `"><script>alert('1')</script>&`;
    expect(html`<a title="${name}">${name}</a>`.markup).toBe(
      '<a title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;">&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;</a>',
    );
  });

  it('takes markup as it is, joins lists and leaves undefined out', () => {
    const list = ['a', '<b>'].map((text) => html`<li>${text}</li>`);
    expect(html`<ul>${list}${undefined}</ul>${trusted('<hr>')}${3}`.markup).toBe(
      '<ul><li>a</li><li>&lt;b&gt;</li></ul><hr>3',
    );
  });

  it('replaces control characters, which no page may hold', () => {
    expect(escapeHtml('a\u0000b\u001b[31m\tc\n')).toBe('a?b?[31m\tc\n');
  });

  it('keeps JSON inside its script block', () => {
    const value = { name: '</script><!-- <script>' };
    const { markup } = jsonForScript(value);
    expect(markup).not.toMatch(/[<>]/);
    expect(JSON.parse(markup)).toEqual(value);
  });

  it('encodes bytes of any length', () => {
    for (const length of [0, 1, 2, 3, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) % 256);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
    }
  });
});
