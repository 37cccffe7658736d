/** A name from a file, made safe for messages: shortened, and without control characters. */
export function printable(name: string): string {
  const clean = name.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
}

/** Quoted, with control characters escaped, for short texts in which each character matters. */
export function quoted(text: string): string {
  const escaped = (control: string): string => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  // JSON does not escape DEL and the control characters from 128 on.
  return JSON.stringify(text).replaceAll(/\p{Cc}/gu, escaped);
}
