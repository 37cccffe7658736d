/** Requests that must not be answered, and those that must. */
import { describe, expect, it } from 'vitest';
import { createToken, refusalOf } from '../../../src/app/guard.ts';

const token = createToken();
const api = {
  method: 'POST',
  url: '/api/list',
  headers: {
    host: '127.0.0.1:4000',
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
  },
};
const page = { method: 'GET', url: '/', headers: { host: '127.0.0.1:4000' } };

const withHeaders = <T extends { headers: object }>(
  head: T,
  headers: Record<string, string | undefined>,
) => ({
  ...head,
  headers: { ...head.headers, ...headers },
});

describe('the guard of the app', () => {
  it.each([
    ['the page', page, undefined],
    [
      'a request of the page',
      withHeaders(api, { origin: 'http://127.0.0.1:4000', 'sec-fetch-site': 'same-origin' }),
      undefined,
    ],
    ['a program on this machine', api, undefined],
    [
      'the other end of a tunnel',
      withHeaders(api, { host: 'localhost:9000', origin: 'http://localhost:9000' }),
      undefined,
    ],
    ['IPv6', withHeaders(api, { host: '[::1]:4000' }), undefined],
    ['events', { ...api, method: 'GET', url: '/api/events?after=3' }, undefined],
    [
      'a link on another page',
      withHeaders(page, {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      }),
      undefined,
    ],
    [
      'the page in a frame',
      withHeaders(page, {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'iframe',
      }),
      403,
    ],
    [
      'a script of the page, elsewhere',
      withHeaders(
        { ...page, url: '/page.js' },
        { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
      ),
      403,
    ],
    [
      'another page on this machine',
      withHeaders(page, { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }),
      403,
    ],
    ['no token', withHeaders(api, { authorization: undefined }), 401],
    ['a wrong token', withHeaders(api, { authorization: `Bearer ${createToken()}` }), 401],
    ['the start of the token', withHeaders(api, { authorization: `Bearer ${token.slice(0, 31)}` }), 401],
    ['an empty token', withHeaders(api, { authorization: 'Bearer ' }), 401],
    ['the token as a password', withHeaders(api, { authorization: `Basic ${btoa(`:${token}`)}` }), 401],
    [
      'the token in the path',
      {
        ...api,
        url: `/api/list?token=${token}`,
        headers: { host: api.headers.host, 'content-type': 'application/json' },
      },
      401,
    ],
    ['rebinding of a name', withHeaders(api, { host: 'evil.example:4000' }), 403],
    ['a name that begins alike', withHeaders(api, { host: '127.0.0.1.evil.example' }), 403],
    ['a name that ends alike', withHeaders(api, { host: 'evil.localhost:4000' }), 403],
    ['no name', withHeaders(api, { host: undefined }), 403],
    ['rebinding, for the page', withHeaders(page, { host: 'evil.example' }), 403],
    ['a foreign origin', withHeaders(api, { origin: 'https://evil.example' }), 403],
    ['another port', withHeaders(api, { origin: 'http://127.0.0.1:4001' }), 403],
    ['an opaque origin', withHeaders(api, { origin: 'null' }), 403],
    ['a request of another site', withHeaders(api, { 'sec-fetch-site': 'cross-site' }), 403],
    [
      'a request opened by a link',
      withHeaders(
        { ...api, method: 'GET' },
        { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
      ),
      403,
    ],
    [
      'a form',
      withHeaders(api, { 'content-type': 'application/x-www-form-urlencoded', authorization: undefined }),
      401,
    ],
    ['a form with the token', withHeaders(api, { 'content-type': 'text/plain' }), 415],
    ['another method', { ...api, method: 'DELETE' }, 405],
    ['reading what is sent with POST', { ...api, method: 'GET' }, 405],
    ['a preflight', withHeaders({ ...api, method: 'OPTIONS' }, { origin: 'https://evil.example' }), 403],
    ['writing to the page', { ...page, method: 'PUT' }, 405],
  ] as const)('%s', (_, head, status) => {
    expect(refusalOf(head, token)?.status).toBe(status);
  });
});
