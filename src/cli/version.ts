/** `locscale-gpu version`: the version of package.json, the parent of both dist/ and src/. */
import { readFileSync } from 'node:fs';
import { runtimeName } from '../platform/index.ts';
import type { Session } from './session.ts';

/** Read from package.json at run time, so that dist/ needs no generated file. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export function runVersion(session: Pick<Session, 'logger'>): void {
  session.logger.line(`locscale-gpu ${packageVersion()} (${runtimeName()})`);
}
