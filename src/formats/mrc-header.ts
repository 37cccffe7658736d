/** The 1024-byte MRC2014 header, field by field in the order of the specification. */
export interface MrcHeader {
  /** Columns, rows, sections: the extents along the file's fast, medium and slow axis. */
  nc: number; nr: number; ns: number;
  mode: number;
  /** First index along columns, rows, sections. */
  ncstart: number; nrstart: number; nsstart: number;
  /** Sampling along X, Y, Z of the unit cell. */
  mx: number; my: number; mz: number;
  /** Cell edges in A and angles in degrees. */
  cellA: number; cellB: number; cellC: number;
  alpha: number; beta: number; gamma: number;
  /** Which crystal axis (1 = X, 2 = Y, 3 = Z) runs along columns, rows, sections. */
  mapc: number; mapr: number; maps: number;
  dmin: number; dmax: number; dmean: number;
  ispg: number;
  nsymbt: number;
  exttyp: string;
  nversion: number;
  /** ORIGIN in A, x, y, z. */
  originX: number; originY: number; originZ: number;
  machst: readonly [number, number, number, number];
  rms: number;
  nlabl: number;
  labels: string[];
  littleEndian: boolean;
  /** The 1024 bytes as read. */
  raw: Uint8Array;
  /** The NSYMBT bytes after the header, as read. */
  extended: Uint8Array;
}
