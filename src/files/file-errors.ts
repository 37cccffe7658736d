/** Describes a system error of a file or stream as a clause after "cannot be written:". */
const words: Record<string, string> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large for its disk',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'its folder does not exist or accepts no files',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EEXIST: 'another file has that name',
  EISDIR: 'a folder has that name',
  ELOOP: 'its links form a loop',
  EBUSY: 'another program uses it',
  EBADF: 'it is not open for writing',
  EIO: 'the disk reports an error',
};

/** Why a file operation failed, as a clause that follows "cannot be written: ". */
export function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return words[code] ?? `the system reports ${code}`;
  return error instanceof Error ? error.message : String(error);
}
