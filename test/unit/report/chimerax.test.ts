import { describe, expect, it } from 'vitest';
import { bFactorPalette, chimeraxScript } from '../../../src/report/chimerax.ts';

describe('ChimeraX files', () => {
  it('open all maps, show one surface and colour it', () => {
    const script = chimeraxScript(
      'Scaled',
      [
        { path: '/a b/"x".mrc', shown: true },
        { path: '/in.mrc', shown: true },
        { path: '/b.mrc', shown: false },
      ],
      1000,
      { by: 3, palette: bFactorPalette(10, 50), key: 'B' },
    );
    expect(script.split('\n')).toEqual([
      '# Scaled',
      'open "/a b/""x"".mrc"',
      'open "/in.mrc"',
      'open "/b.mrc"',
      'volume all hide',
      'volume #1 show style surface step 1 encloseVolume 350',
      'volume #2 show style surface step 1 encloseVolume 350',
      '# B',
      'color sample #1 map #3 palette 10,#2166ac:30,#f7f7f7:50,#b2182b',
      'color sample #2 map #3 palette 10,#2166ac:30,#f7f7f7:50,#b2182b',
      'hide #2 models',
      'view',
      '',
    ]);
  });

  it('have palettes that rise, also below 0', () => {
    expect(bFactorPalette(-12.34, 87.66)).toBe('-12.3,#2166ac:37.7,#f7f7f7:87.7,#b2182b');
  });
});
