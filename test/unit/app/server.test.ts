/** The app's server with a computer that answers when the test says so. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ComputedRequest, type Computer, ComputerFailure } from '../../../src/app/computer.ts';
import { RootFolder } from '../../../src/app/root-folder.ts';
import { type AppServer, serveApp } from '../../../src/app/server.ts';

/** A promise that the test settles. */
class Later<T> {
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => Object.assign(this, { resolve, reject }));
}

/** Notes what it is asked; runs last until they are cancelled. */
class SlowComputer implements Computer {
  onEvent: Computer['onEvent'] = () => undefined;
  readonly log: string[] = [];
  readonly planning = new Later<void>();
  readonly plan = new Later<unknown>();
  private readonly run = new Later<unknown>();

  request(name: ComputedRequest): Promise<unknown> {
    this.log.push(name);
    if (name === 'plan') this.planning.resolve();
    return name === 'plan' ? this.plan.promise : this.run.promise;
  }

  cancel(): void {
    this.log.push('cancel');
    if (this.log.includes('run'))
      this.run.reject(new ComputerFailure({ tag: 'aborted', message: 'The run was stopped.' }));
  }

  async close(): Promise<void> {}
}

describe('the server of the app', () => {
  let folder: string;
  let server: AppServer;
  let computer: SlowComputer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-app-server-'));
    for (const name of ['index.html', 'half1.mrc', 'half2.mrc']) writeFileSync(join(folder, name), 'x');
    computer = new SlowComputer();
    const root = await RootFolder.open(folder);
    server = await serveApp({ pageFolder: folder, root, computer, token: 'secret', host: 'here' });
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const ask = (name: string, value?: unknown): Promise<Response> =>
    fetch(`${server.url}api/${name}`, {
      method: 'POST',
      headers: { Authorization: 'Bearer secret', 'Content-Type': 'application/json' },
      body: JSON.stringify(value),
    });

  it('stops a run that was cancelled while it was being checked', async () => {
    const started = ask('run', {
      files: { half1: { path: 'half1.mrc' }, half2: { path: 'half2.mrc' } },
      reference: 'profile',
      scheme: 'soft',
      output: 'out.mrc',
    });
    await computer.planning.promise;
    expect((await ask('cancel')).status).toBe(200);
    computer.plan.resolve({ mode: 'soft' });
    expect((await started).status).toBe(200);
    expect(computer.log.slice(-2)).toEqual(['run', 'cancel']);
    const events = await fetch(`${server.url}api/events`, { headers: { Authorization: 'Bearer secret' } });
    let text = '';
    for await (const bytes of events.body as unknown as AsyncIterable<Uint8Array>) {
      text += new TextDecoder().decode(bytes);
      if (text.includes('aborted')) break;
    }
    expect(text).toContain('The run was stopped.');
  });
});
