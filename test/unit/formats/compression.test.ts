import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompress, detectCompression } from '../../../src/formats/compression.ts';
import { encodeBzip2 } from '../../support/bzip2-encode.ts';
import { collect, inChunks } from '../../support/mrc-fixture.ts';
import { describeWithSharedData, sharedPath } from '../../support/shared-data.ts';

/** Seeded bytes with runs, as maps have them. */
function sampleBytes(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 31 ? out[Math.max(0, i - 1)] : state >>> 24;
  }
  return out;
}

async function decompressed(bytes: Uint8Array, chunkSize = 65_536): Promise<Uint8Array> {
  const source = await decompress({ bytes: inChunks(bytes, chunkSize), byteLength: bytes.length }, 'x.mrc');
  return collect(source.bytes);
}

const sample = sampleBytes(40_001);
const compressed = [
  { kind: 'gzip' as const, bytes: new Uint8Array(gzipSync(sample)) },
  { kind: 'bzip2' as const, bytes: encodeBzip2(sample) },
];

describe('compression', () => {
  it('is recognised by the first bytes, not by the name', () => {
    for (const { kind, bytes } of compressed) expect(detectCompression(bytes)).toBe(kind);
    expect(detectCompression(sample)).toBe('none');
    expect(detectCompression(new Uint8Array(0))).toBe('none');
    expect(detectCompression(Uint8Array.of(0x42, 0x5a, 0x68, 0x30))).toBe('none');
  });

  it.each([1, 3, 7, 4096, 1_000_000])('is undone whatever the chunk size (%i bytes)', async (chunkSize) => {
    for (const { bytes } of compressed) expect(await decompressed(bytes, chunkSize)).toEqual(sample);
    expect(await decompressed(sample, chunkSize)).toEqual(sample);
  });

  it('keeps the exact length of a plain file and bounds that of a compressed one', async () => {
    const plain = await decompress({ bytes: inChunks(sample), byteLength: sample.length }, 'x');
    expect(plain.byteLength).toBe(sample.length);
    for (const { kind, bytes } of compressed) {
      const source = await decompress({ bytes: inChunks(bytes), byteLength: bytes.length }, 'x');
      expect(source.compression).toBe(kind);
      expect(source.byteLength).toBeUndefined();
      expect(source.byteLengthLimit).toBeGreaterThanOrEqual(sample.length);
    }
  });

  it('handles several streams back to back', async () => {
    const twice = new Uint8Array([...sample, ...sample]);
    for (const { kind, bytes } of compressed) {
      const both = decompressed(new Uint8Array([...bytes, ...bytes]));
      // Deno's DecompressionStream takes one gzip member only: refused in words, not cut short.
      if (kind === 'gzip' && 'Deno' in globalThis)
        await expect(both).rejects.toMatchObject({ tag: 'bad-input' });
      else expect(await both).toEqual(twice);
    }
  });

  it('bounds the most compressible data there is', async () => {
    const zeros = new Uint8Array(30_000_000);
    const gz = new Uint8Array(gzipSync(zeros, { level: 9 }));
    const source = await decompress({ bytes: inChunks(gz), byteLength: gz.length }, 'x');
    expect(source.byteLengthLimit).toBeGreaterThanOrEqual(zeros.length);
  });

  it('bzip2 blocks at every bit alignment', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.integer({ min: 5, max: 60 }),
        async (data, blockBytes) => {
          expect(await decompressed(encodeBzip2(data, blockBytes))).toEqual(data);
        },
      ),
      { seed: 7, numRuns: 60 },
    );
  });

  it('refuses a file cut anywhere', async () => {
    const short = sampleBytes(400, 5);
    for (const { kind, bytes } of [
      { kind: 'gzip', bytes: new Uint8Array(gzipSync(short)) },
      { kind: 'bzip2', bytes: encodeBzip2(short, 150) },
    ]) {
      for (let length = 4; length < bytes.length; length++) {
        await expect(
          decompressed(bytes.subarray(0, length)),
          `${kind} cut to ${length}`,
        ).rejects.toMatchObject({
          name: 'LocScaleError',
          tag: 'bad-input',
          message: expect.stringContaining(`x.mrc is a damaged or truncated ${kind} file`),
        });
      }
    }
  });

  it('leaves no process-wide error handlers behind', async () => {
    await decompressed(compressed[1].bytes);
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      const sources = process.listeners(event as 'uncaughtException').map(String);
      expect(sources.filter((text) => /ExitStatus|throw reason/.test(text))).toEqual([]);
    }
  });

  it('refuses damaged data', async () => {
    for (const { kind, bytes } of compressed) {
      for (const at of [Math.floor(bytes.length / 3), Math.floor(bytes.length / 2), bytes.length - 3]) {
        const damaged = bytes.slice();
        damaged[at] ^= 0x55;
        await expect(decompressed(damaged), `${kind} damaged at ${at}`).rejects.toMatchObject({
          tag: 'bad-input',
          where: 'x.mrc',
        });
      }
    }
  });

  it('hands on an error of the source itself unchanged, and closes the source when reading stops early', async () => {
    for (const { bytes } of compressed) {
      const failing = (async function* () {
        yield bytes.subarray(0, 100);
        throw new Error('disk gone');
      })();
      const source = await decompress({ bytes: failing }, 'x');
      await expect(collect(source.bytes)).rejects.toThrow('disk gone');
      let closed = false;
      const watched = (async function* () {
        try {
          for (;;) yield* inChunks(bytes, 1000);
        } finally {
          closed = true;
        }
      })();
      const endless = await decompress({ bytes: watched }, 'x');
      for await (const chunk of endless.bytes) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect(closed).toBe(true);
    }
  });
});

describeWithSharedData('compression of real files', () => {
  it('bzip2 and gzip give the plain file', async () => {
    const map = readFileSync(sharedPath('maps/mrcfile/EMD-3001.map'));
    expect(await decompressed(readFileSync(sharedPath('maps/mrcfile/EMD-3001.map.bz2')))).toEqual(
      new Uint8Array(map),
    );
    const other = readFileSync(sharedPath('maps/mrcfile/EMD-3197.map'));
    expect(await decompressed(readFileSync(sharedPath('maps/mrcfile/emd_3197.map.gz')))).toEqual(
      new Uint8Array(other),
    );
  });
});
