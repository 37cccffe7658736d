/**
 * Which requests are answered. The server listens on the loopback address, which every user and every web
 * page of the machine can reach: `Host` keeps out pages whose name was pointed at this address (DNS
 * rebinding), `Origin` and `Sec-Fetch-Site` keep out requests of other pages (CSRF), and a token, which only
 * the printed address has, keeps out other users.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isOwnName } from '../files/folder-server.ts';

/** HTTP status and a sentence for the page. */
export interface Refusal {
  /** 401, 403, 405 or 415. */
  readonly status: number;
  /** States no file and no folder. */
  readonly message: string;
}

/** The part of a request that decides. */
export interface RequestHead {
  /** As sent; GET opens the page and the events, POST all else. */
  readonly method?: string;
  /** Path and query, not decoded. */
  readonly url?: string;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Everything else is a file of the page. */
const API = '/api/';
/** 128 bits cannot be guessed at any rate of requests. */
const TOKEN_BYTES = 16;

/** 128 bits, hexadecimal. */
export function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString('hex');
}

/** The path of a request, as it was written: nothing in it is decoded. */
export function pathOf({ url }: RequestHead): string {
  return (url ?? '').split('?')[0];
}

/** Requests for data need the token; files of the page do not. */
export function isForApi(head: RequestHead): boolean {
  return pathOf(head).startsWith(API);
}

/** Undefined: the request may be answered. */
export function refusalOf(head: RequestHead, token: string): Refusal | undefined {
  const { method, headers } = head;
  if (!isOwnName(text(headers.host)))
    return { status: 403, message: 'This server is called 127.0.0.1 or localhost.' };
  const forApi = isForApi(head);
  if (isForeign(head, forApi)) return { status: 403, message: 'Other pages may not use this server.' };
  if (!forApi)
    return method === 'GET' || method === 'HEAD'
      ? undefined
      : { status: 405, message: 'Files of the page can be read only.' };
  if (!hasToken(text(headers.authorization), token))
    return { status: 401, message: 'The request has not the token of the address that was printed.' };
  if (method !== 'POST' && !(method === 'GET' && pathOf(head) === '/api/events'))
    return { status: 405, message: 'Requests are sent with POST.' };
  if (method === 'POST' && !/^application\/json\b/.test(text(headers['content-type']) ?? ''))
    return { status: 415, message: 'Requests are JSON.' };
  return undefined;
}

/**
 * Browsers say where a request comes from. The page itself may be opened from anywhere, in a window of its
 * own: it has no data.
 */
function isForeign({ headers }: RequestHead, forApi: boolean): boolean {
  const origin = text(headers.origin);
  if (origin !== undefined && origin !== `http://${text(headers.host)}`) return true;
  const site = text(headers['sec-fetch-site']);
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  const opensPage =
    text(headers['sec-fetch-mode']) === 'navigate' && text(headers['sec-fetch-dest']) === 'document';
  return forApi || !opensPage;
}

/** In constant time; hashes have equal lengths. */
function hasToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? '';
  const hash = (words: string): Buffer => createHash('sha256').update(words).digest();
  return timingSafeEqual(hash(given), hash(token));
}

/** Headers that came several times, as one. */
function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
