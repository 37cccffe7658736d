/** What went wrong with a file or stream, in words that fit behind "cannot be written:". */
const words: Record<string, string> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large for its disk',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'the folder it belongs in is not there or takes no files',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EEXIST: 'something else has that name',
  EISDIR: 'a folder has that name',
  ELOOP: 'its links lead in a circle',
  EBUSY: 'another program uses it',
  EBADF: 'it is not open for writing',
  EIO: 'the disk reports an error',
};

export function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return words[code] ?? `the system says ${code}`;
  return error instanceof Error ? error.message : String(error);
}
