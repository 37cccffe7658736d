/** A 5 x 7 pixel font for labels in pictures, so that pictures need no font file. */

/** Pixels, without the space between letters. */
export const GLYPH_WIDTH = 5;
/** Dots. */
export const GLYPH_HEIGHT = 7;
/** One empty column between glyphs. */
export const GLYPH_ADVANCE = 6;

/** Seven rows per glyph, top first, each a base-32 digit whose five bits are the row's pixels, left first. */
const GLYPHS: Readonly<Record<string, string>> = {
  ...{ ' ': '0000000', A: 'ehhvhhh', B: 'uhhuhhu', C: 'ehggghe', D: 'uhhhhhu', E: 'vgguggv' },
  ...{ F: 'vgguggg', G: 'ehgnhhf', H: 'hhhvhhh', I: 'e44444e', J: '72222ic', K: 'hikokih', L: 'ggggggv' },
  ...{ M: 'hrllhhh', N: 'hhpljhh', O: 'ehhhhhe', P: 'uhhuggg', Q: 'ehhhlid', R: 'uhhukih', S: 'fgge11u' },
  ...{ T: 'v444444', U: 'hhhhhhe', V: 'hhhhha4', W: 'hhhllla', X: 'hha4ahh', Y: 'hhha444', Z: 'v1248gv' },
  ...{ a: '00e1fhf', b: 'ggmphhu', c: '00egghe', d: '11djhhf', e: '00ehvge', f: '698s888', g: '0fhhf1e' },
  ...{ h: 'ggmphhh', i: '40c444e', j: '20622ic', k: 'ggikoki', l: 'c44444e', m: '00qllhh', n: '00mphhh' },
  ...{ o: '00ehhhe', p: '00uhugg', q: '00djf11', r: '00mpggg', s: '00ege1u', t: '88s8896', u: '00hhhjd' },
  ...{ v: '00hhha4', w: '00hhlla', x: '00ha4ah', y: '00hhf1e', z: '00v248v' },
  ...{ 0: 'ehjlphe', 1: '4c4444e', 2: 'eh1248v', 3: 'v2421he', 4: '26aiv22', 5: 'vgu11he', 6: '68guhhe' },
  ...{
    7: 'v124888',
    8: 'ehhehhe',
    9: 'ehhf12c',
    '.': '00000cc',
    ',': '0000c48',
    ':': '0cc0cc0',
    '-': '000v000',
  },
  ...{ '+': '044v440', '=': '00v0v00', '/': '01248g0', '(': '2488842', ')': '8422248', '%': 'op248j3' },
  ...{ _: '000000v', '^': '4ah0000', '*': '04lel40', '?': 'eh12404', '!': '4444004', '<': '248g842' },
  ...{ '>': '8421248', "'": '4480000', '#': 'aavavaa', '[': 'e88888e', ']': 'e22222e', Å: '4a4ehvh' },
};

/** Width of a text in font pixels. */
export function textWidth(text: string): number {
  return Math.max(0, text.length * GLYPH_ADVANCE - 1);
}

/** Calls `plot(column, row)` for every set pixel; characters missing from the font are drawn as "?". */
export function drawText(text: string, plot: (column: number, row: number) => void): void {
  Array.from(text).forEach((character, i) => {
    const rows = GLYPHS[character] ?? GLYPHS['?'];
    for (let row = 0; row < GLYPH_HEIGHT; row++) {
      const bits = Number.parseInt(rows.charAt(row), 32);
      for (let column = 0; column < GLYPH_WIDTH; column++) {
        if (bits & (1 << (GLYPH_WIDTH - 1 - column))) plot(i * GLYPH_ADVANCE + column, row);
      }
    }
  });
}
