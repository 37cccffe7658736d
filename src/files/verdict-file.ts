/**
 * Verdicts on the kernels of a GPU (gpu/verification.ts), remembered between runs: one small file per
 * adapter, driver, runtime and version of the program. Whatever is wrong with the file counts as no file, and
 * a folder that cannot be written is no error: kernels are then verified again. Only checks that were passed
 * are kept, and none for longer than a month, so that a driver that changes behind an unchanged name is found
 * out.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a verdict holds for; any other value is another file. */
export type VerdictKey = Readonly<Record<string, string>>;

/** One check that a GPU has passed. */
interface StoredVerdict {
  readonly subject: string;
  readonly error: number;
  /** ISO 8601. */
  readonly date: string;
}

/** Verdicts on one GPU with its driver. */
export interface VerdictFile {
  /** When the last of the verdicts was given; undefined where there is none. */
  readonly latest: string | undefined;
  readonly count: number;
  has(check: string): boolean;
  add(check: string, verdict: { readonly subject: string; readonly error: number }): void;
  /** Adds what is new to the file. Never fails. */
  save(): Promise<void>;
}

/** Of the file; others are ignored. */
const FORMAT = 1;
const DAY_MS = 86_400_000;
/** Verdicts are renewed after a month: drivers change in ways that their version does not show. */
const LONGEST_MS = 30 * DAY_MS;

/** Path of the file: the name is a hash of the key. */
export function verdictPath(folder: string, key: VerdictKey): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(sorted(key)))
    .digest('hex')
    .slice(0, 16);
  return join(folder, 'gpu-verdicts', `${hash}.json`);
}

/** `forget`: what is known is not used, and replaced. */
export async function openVerdicts(
  folder: string,
  key: VerdictKey,
  { forget = false, now = Date.now } = {},
): Promise<VerdictFile> {
  const path = verdictPath(folder, key);
  const known = forget ? new Map<string, StoredVerdict>() : await readVerdicts(path, key, now());
  const fresh = new Map<string, StoredVerdict>();
  const dates = (): string[] => [...known.values(), ...fresh.values()].map(({ date }) => date).sort();
  return {
    get latest() {
      return dates().at(-1);
    },
    get count() {
      return known.size + fresh.size;
    },
    has: (check) => known.has(check) || fresh.has(check),
    add(check, { subject, error }) {
      fresh.set(check, { subject, error, date: new Date(now()).toISOString() });
    },
    async save() {
      if (fresh.size === 0) return;
      // Another process may have added some meanwhile; what is lost between reading and renaming is measured
      // again.
      const before = forget ? known : await readVerdicts(path, key, now());
      const verdicts = Object.fromEntries([...before, ...fresh]);
      const text = `${JSON.stringify({ format: FORMAT, key: sorted(key), verdicts }, null, 1)}\n`;
      const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
      try {
        await mkdir(join(path, '..'), { recursive: true });
        await writeFile(temporary, text);
        await rename(temporary, path);
        fresh.forEach((verdict, check) => {
          known.set(check, verdict);
        });
        fresh.clear();
      } catch {
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    },
  };
}

/** Verdicts that are still valid. A missing, damaged or foreign file holds none. */
async function readVerdicts(path: string, key: VerdictKey, now: number): Promise<Map<string, StoredVerdict>> {
  const known = new Map<string, StoredVerdict>();
  try {
    const stored = JSON.parse(await readFile(path, 'utf8'));
    if (stored.format !== FORMAT || JSON.stringify(stored.key) !== JSON.stringify(sorted(key))) return known;
    for (const [check, verdict] of Object.entries<StoredVerdict>(stored.verdicts)) {
      const age = now - Date.parse(verdict.date);
      // A clock that was set back makes no verdict last longer.
      if (age >= -DAY_MS && age <= LONGEST_MS && typeof verdict.subject === 'string')
        known.set(check, verdict);
    }
  } catch {
    known.clear();
  }
  return known;
}

/** In the order of names, for comparison as text. */
function sorted(key: VerdictKey): VerdictKey {
  return Object.fromEntries(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)));
}
