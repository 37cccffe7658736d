/**
 * out(v) = sum_r s_r(v) (map * K_r)(v) at the mask voxels of a tile (method 4), with overlap-save FFTs:
 * one forward transform of the tile, one inverse per shell, only planes and rows that hold mask voxels.
 */
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { shellKernels } from '../math/fourier/shell-kernels.ts';
import type { WindowTaper } from '../math/scaling/windows.ts';
import type { Kernels } from './kernels/kernels.ts';
import type { TileMask, TileShape } from './tile.ts';

/**
 * Filters a tile by the kernels of the shells: its value at a voxel is the sum over shells of scale factor
 * times filtered map.
 */
export class ShellConvolver {
  /** Of this thread. */
  private readonly kernels: Kernels;
  /** Its FFT box is that of all spectra here. */
  private readonly tile: TileShape;
  /** w / 2 + 1. */
  private readonly shells: number;
  /** Floats per row of a half spectrum. */
  private readonly binPitch: number;
  /** Floats of its real or imaginary part. */
  private readonly spectrumFloats: number;
  /** One per shell, computed once per job. */
  private readonly kernelSpectra: { re: number; im: number }[];
  /** Addresses; of the tile at work. */
  private readonly mapSpectrum: { re: number; im: number };
  /** Addresses; spectrum of the map times that of a kernel. */
  private readonly product: { re: number; im: number };
  /** Voxels of the FFT box: a kernel at first, then the filtered map of a shell. */
  private readonly volume: number;
  /** Scratch of the transforms. */
  private readonly work: number;

  constructor(kernels: Kernels, tile: TileShape, taper?: WindowTaper) {
    this.kernels = kernels;
    this.tile = tile;
    this.shells = tile.windowVoxels / 2 + 1;
    const [nz, ny, nx] = tile.fft;
    this.binPitch = spectrumPitch(nx);
    this.spectrumFloats = nz * ny * this.binPitch;
    for (const n of tile.fft) kernels.fftPlan(n);
    this.work = kernels.allocate(64 * (nx + 4));
    this.volume = kernels.allocate(4 * tile.inputFloats);
    this.mapSpectrum = this.allocateSpectrum();
    this.product = this.allocateSpectrum();
    // Kernels are even along each axis: one octant of (h + 1)^3 values is stored.
    const h = tile.margin;
    this.kernelSpectra = shellKernels(tile.windowVoxels, taper).map((values) => {
      const spectrum = this.allocateSpectrum();
      const floats = kernels.floats(this.volume, tile.inputFloats).fill(0);
      // Correlation with K as a product of spectra: K(d) is placed at -d.
      for (let dz = -h; dz < h; dz++) {
        for (let dy = -h; dy < h; dy++) {
          const at = ((nz - dz) % nz) * tile.planePitch + ((ny - dy) % ny) * tile.rowPitch;
          const from = (Math.abs(dz) * (h + 1) + Math.abs(dy)) * (h + 1);
          for (let dx = -h; dx < h; dx++) floats[at + ((nx - dx) % nx)] = values[from + Math.abs(dx)];
        }
      }
      this.forward(this.volume, spectrum);
      return spectrum;
    });
  }

  /** Adds sum_r s_r B_r to `out` (one float per mask voxel); `factors`: shells floats per voxel. */
  run(input: number, mask: TileMask, factors: number, inTile: number, out: number): void {
    const { exports } = this.kernels;
    const rows = this.wantedRows(mask);
    this.forward(input, this.mapSpectrum);
    for (let r = 0; r < this.shells; r++) {
      const kernel = this.kernelSpectra[r];
      exports.multiplySpectra(
        this.mapSpectrum.re,
        this.mapSpectrum.im,
        kernel.re,
        kernel.im,
        this.product.re,
        this.product.im,
        this.spectrumFloats / 4,
      );
      this.inverse(this.product, rows);
      exports.accumulateShell(out, factors, this.shells, r, this.volume, inTile, mask.count);
    }
  }

  /** Real and imaginary part of a spectrum, each with room for the last group of rows. */
  private allocateSpectrum(): { re: number; im: number } {
    const bytes = 4 * (this.spectrumFloats + 8 * this.binPitch);
    return { re: this.kernels.allocate(bytes), im: this.kernels.allocate(bytes) };
  }

  /** Groups of eight rows with mask voxels, per plane of the FFT box: [plane, first row, ...]. */
  private wantedRows(mask: TileMask): { plane: number; firstRows: number[] }[] {
    const { size, fft, margin: h, planePitch, rowPitch } = this.tile;
    const groups = Math.ceil(size[1] / 8);
    const wanted = new Uint8Array(size[0] * groups);
    for (const at of mask.inTile) {
      const plane = Math.floor(at / planePitch);
      const row = Math.floor((at - plane * planePitch) / rowPitch);
      wanted[(plane - h) * groups + ((row - h) >> 3)] = 1;
    }
    const rows: { plane: number; firstRows: number[] }[] = [];
    for (let z = 0; z < size[0]; z++) {
      const firstRows: number[] = [];
      for (let g = 0; g < groups; g++) {
        // The last group is shifted back inside the box, to avoid rows beyond it.
        if (wanted[z * groups + g]) firstRows.push(Math.min(h + 8 * g, fft[1] - 8));
      }
      if (firstRows.length > 0) rows.push({ plane: z + h, firstRows });
    }
    return rows;
  }

  /** Transforms the input of a tile, one part after the other; planes behind the tile are zero. */
  private forward(input: number, to: { re: number; im: number }): void {
    const { kernels, tile, binPitch } = this;
    const { exports } = kernels;
    const [nz, ny, nx] = tile.fft;
    const planX = kernels.fftPlan(nx);
    const planY = kernels.fftPlan(ny);
    const rowBytes = 4 * binPitch;
    for (let z = 0; z < nz; z++) {
      const source = input + 4 * z * tile.planePitch;
      const offset = z * ny * rowBytes;
      for (let y = 0; y < ny; y += 8) {
        const row = Math.min(y, ny - 8);
        exports.rfftRows8(
          planX,
          source + 4 * row * tile.rowPitch,
          4 * tile.rowPitch,
          to.re + offset + row * rowBytes,
          to.im + offset + row * rowBytes,
          rowBytes,
          this.work,
        );
      }
      exports.fftColumns(planY, to.re + offset, to.im + offset, rowBytes, binPitch / 4);
    }
    exports.fftColumns(kernels.fftPlan(nz), to.re, to.im, ny * rowBytes, (ny * binPitch) / 4);
  }

  /** To `volume`: along z all of it, along y the planes and along x the groups of rows with mask voxels. */
  private inverse(
    from: { re: number; im: number },
    rows: readonly { plane: number; firstRows: number[] }[],
  ): void {
    const { kernels, tile, binPitch } = this;
    const { exports } = kernels;
    const [nz, ny, nx] = tile.fft;
    const planX = kernels.fftPlan(nx);
    const planY = kernels.fftPlan(ny);
    const rowBytes = 4 * binPitch;
    // The inverse transform is the forward one with re and im exchanged.
    exports.fftColumns(kernels.fftPlan(nz), from.im, from.re, ny * rowBytes, (ny * binPitch) / 4);
    const scale = 1 / (nz * ny * nx);
    for (const { plane, firstRows } of rows) {
      const offset = plane * ny * rowBytes;
      exports.fftColumns(planY, from.im + offset, from.re + offset, rowBytes, binPitch / 4);
      for (const row of firstRows) {
        exports.irfftRows8(
          planX,
          from.re + offset + row * rowBytes,
          from.im + offset + row * rowBytes,
          rowBytes,
          this.volume + 4 * (plane * tile.planePitch + row * tile.rowPitch),
          4 * tile.rowPitch,
          scale,
          this.work,
          binPitch,
        );
      }
    }
  }
}
