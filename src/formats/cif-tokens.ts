/**
 * Tokenises a CIF file in one pass: block and loop keywords, tags, values (bare, quoted, and text fields
 * between lines that begin with a semicolon). Comments are skipped.
 */
import { LocScaleError } from '../errors.ts';
import { printable } from './printable.ts';

/** 'null' is an unquoted "." or "?"; 'reserved' means save_, global_ and stop_. */
export type CifToken = 'data' | 'loop' | 'tag' | 'value' | 'null' | 'reserved' | 'end';

const [LF, CR, QUOTE, HASH, APOSTROPHE, SEMICOLON, UNDERSCORE] = [10, 13, 34, 35, 39, 59, 95];

/** Reads a CIF token by token: quotes, text fields and comments as in CIF 1.1. */
export class CifTokens {
  /** Text of the last token: the block's name, the tag, or the value without quotes. */
  value = '';
  private readonly text: string;
  private readonly file: string;
  private at = 0;
  private tokenStart = 0;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  /**
   * The next token, whose text is in `value`. Throws 'bad-input' for a quote or text field without an end.
   */
  next(): CifToken {
    this.skipBlanks();
    const { text } = this;
    this.tokenStart = this.at;
    if (this.at >= text.length) return 'end';
    const code = text.charCodeAt(this.at);
    if (code === SEMICOLON && this.atLineStart()) return this.readTextField();
    if (code === QUOTE || code === APOSTROPHE) return this.readQuoted(code);
    let end = this.at + 1;
    while (end < text.length && text.charCodeAt(end) > 32) end++;
    const word = text.slice(this.at, end);
    this.at = end;
    this.value = word;
    if (code === UNDERSCORE) return 'tag';
    if (word === '.' || word === '?') return 'null';
    return word.length >= 5 ? this.keyword(word) : 'value';
  }

  /** An error at the last token. */
  error(what: string, expected?: string): LocScaleError {
    let line = 1;
    for (let i = 0; i < this.tokenStart; i++) {
      const code = this.text.charCodeAt(i);
      if (code === LF || (code === CR && this.text.charCodeAt(i + 1) !== LF)) line++;
    }
    return new LocScaleError('bad-input', `Line ${line} of ${this.file} ${what}.`, {
      where: `${this.file}, line ${line}`,
      expected,
      found: `"${printable(this.text.slice(this.tokenStart, this.tokenStart + 80).split(/[\r\n]/, 1)[0])}"`,
    });
  }

  /** Reserved words are not case-sensitive. */
  private keyword(word: string): CifToken {
    const lower = word.slice(0, 7).toLowerCase();
    if (lower.startsWith('data_')) {
      this.value = word.slice(5);
      return 'data';
    }
    if (lower.startsWith('loop_') && word.length === 5) return 'loop';
    if (lower.startsWith('save_')) return 'reserved';
    if ((lower === 'global_' && word.length === 7) || (lower === 'stop_' && word.length === 5))
      return 'reserved';
    return 'value';
  }

  /** Blanks, line ends and comments. */
  private skipBlanks(): void {
    this.at = afterBlanks(this.text, this.at);
  }

  /** Text fields begin at the start of a line only. */
  private atLineStart(): boolean {
    return this.at === 0 || isLineEnd(this.text.charCodeAt(this.at - 1));
  }

  /** Text field: from a semicolon at the start of a line to the next such semicolon. */
  private readTextField(): CifToken {
    const { text } = this;
    const start = this.at + 1;
    for (let i = start; i < text.length; i++) {
      if (text.charCodeAt(i) !== SEMICOLON || !isLineEnd(text.charCodeAt(i - 1))) continue;
      const lineEnd = text.charCodeAt(i - 1) === LF && text.charCodeAt(i - 2) === CR ? i - 2 : i - 1;
      this.value = text.slice(start, Math.max(start, lineEnd));
      this.at = i + 1;
      return 'value';
    }
    throw this.error('begins a text field that does not end', 'a line that begins with ";"');
  }

  /** A quote ends a value only if white space follows: 'O5'' is O5'. */
  private readQuoted(quote: number): CifToken {
    const { text } = this;
    for (let i = this.at + 1; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (isLineEnd(code)) break;
      if (code !== quote || (i + 1 < text.length && text.charCodeAt(i + 1) > 32)) continue;
      this.value = text.slice(this.at + 1, i);
      this.at = i + 1;
      return 'value';
    }
    throw this.error('has a quoted value that does not end');
  }
}

/** Whether a text begins like a CIF file: with a data block, after comments and white space. */
export function beginsDataBlock(text: string): boolean {
  const at = afterBlanks(text, 0);
  return text.slice(at, at + 5).toLowerCase() === 'data_';
}

/** Skips white space and comments from `at` on. */
function afterBlanks(text: string, at: number): number {
  let i = at;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === HASH) {
      while (i < text.length && !isLineEnd(text.charCodeAt(i))) i++;
    } else if (code > 32) break;
  }
  return Math.min(i, text.length);
}

function isLineEnd(code: number): boolean {
  return code === LF || code === CR;
}
