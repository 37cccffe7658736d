/**
 * `locscale-gpu page`: serves the page on the loopback address, to whoever calls it by its own name, and
 * nothing else.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('the command page', () => {
  it('prints an address, serves there, and ends with Ctrl-C without an error', async () => {
    const { SSH_CONNECTION: _, ...env } = process.env;
    const child = spawn(process.execPath, ['dist/cli.js', 'page'], { cwd: root, env });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    while (!out.includes('\n')) await once(child.stdout, 'data');
    const [url] = /http:\/\/127\.0\.0\.1:\d+\//.exec(out) ?? [''];
    const answer = await fetch(url);
    expect(await answer.text()).toContain('<title>locscale-gpu');
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect([code, err]).toEqual([0, '']);
  });
});

describe('its server', () => {
  let server: PageServer;
  beforeAll(async () => {
    server = await servePage({ folder: `${root}dist/web` });
  });
  afterAll(() => server.close());

  const ask = (path: string, options: { method?: string; host?: string } = {}): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const { port, host } = new URL(server.url);
      const headers = { host: options.host ?? host };
      const asked = request({ port, path, method: options.method, headers, host: '127.0.0.1' }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on('error', reject).end();
    });

  it('sends what browsers want before threads share memory', async () => {
    const { headers } = await fetch(server.url);
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each([
    ['/', {}, 200],
    ['/LICENCES.txt', {}, 200],
    ['/../package.json', {}, 404],
    ['/%2e%2e/package.json', {}, 404],
    ['/..%2fpackage.json', {}, 404],
    ['//etc/passwd', {}, 404],
    ['/nothing.js', {}, 404],
    ['/', { method: 'POST' }, 405],
    ['/', { host: 'evil.example' }, 403],
    ['/', { host: 'evil.example:80' }, 403],
    ['/', { host: 'localhost:9' }, 200],
  ] as const)('answers %s %o with %i', async (path, options, status) => {
    expect(await ask(path, options)).toBe(status);
  });

  it('is not there for other computers', async () => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal);
    if (outside === undefined) return;
    const socket = connect({ host: outside.address, port: Number(new URL(server.url).port) });
    const [error] = await once(socket, 'error');
    expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
  });

  it('says that a port is taken', async () => {
    const port = Number(new URL(server.url).port);
    const error = await servePage({ folder: `${root}dist/web`, port }).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain(`cannot be served at port ${port}: another program uses it`);
  });
});
