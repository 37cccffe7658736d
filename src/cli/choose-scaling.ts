/**
 * Chooses the reference and the scheme of `scale`. LocScale's scheme is used if anything implies it: a
 * reference is named, EMmerNet is imported, or a network option is given. Otherwise the map is scaled in soft
 * bands to the amplitudes of an average protein, which on real maps is better than the bundled network
 * (docs/soft-scaling.md).
 */
import { emmernetIsImported } from '../network/store/emmernet.ts';
import { noNetwork, type ReferenceFiles } from '../options/effects.ts';
import { definitionOf, type OptionValues, optionIds } from '../options/index.ts';
import type { SchemeName } from '../pipeline/parameters.ts';
import { referenceTraitsOf } from '../pipeline/references/index.ts';
import { scalingSchemeOf } from '../pipeline/schemes/index.ts';
import { calledAsLocScale } from './called-as.ts';
import { chooseReference, type InputFiles } from './job-options.ts';
import { modelsFolder } from './models-folder.ts';
import type { Session } from './session.ts';
import { usage } from './usage.ts';

/** Schemes for the main output; `global` is available for comparison only (--also). */
export type ScalingName = Exclude<SchemeName, 'global'>;

/** Reference and scheme of a run, and how the user is informed of the choice. */
interface ChosenScaling {
  readonly reference: ReferenceFiles;
  readonly scaling: ScalingName;
  /** If the user made no choice: the scheme used and how to get the other, one sentence. */
  readonly because?: string;
  /** The same, if the preferred scheme is impossible. */
  readonly warning?: string;
}

/** An option that belongs to networks implies one. */
export function wantsNetwork(values: OptionValues): boolean {
  if (values.reference === 'network' || values.modelResolution !== undefined) return true;
  return optionIds.some((id) => values[id] !== undefined && definitionOf(id).idle?.includes(noNetwork));
}

/** Chooses, then rejects options that contradict the choice. */
export async function chooseScaling(
  { parsed: { values } }: Pick<Session, 'parsed'>,
  input: InputFiles,
): Promise<ChosenScaling> {
  const chosen = await choose(values, input);
  if (values.also !== undefined) checkAlso(values.also, chosen);
  if (chosen.scaling === 'soft') refuseWithSoft(values);
  return chosen;
}

/** Checks --also: it must differ from the main scheme and be possible. */
function checkAlso(also: NonNullable<OptionValues['also']>, { scaling, reference }: ChosenScaling): void {
  if (also === scaling)
    throw usage(
      `This run scales that way already: --also ${also} adds nothing.`,
      '--also',
      `Leave --also out, or add --scaling ${also === 'soft' ? 'locscale' : 'soft'}.`,
    );
  if (also === 'locscale' && reference.kind === 'profile')
    throw usage(
      "LocScale's windows cannot be scaled to a profile alone.",
      '--also',
      'Name a reference (-mm, -mc, or --reference network --scaling soft), or choose --also global.',
    );
}

/**
 * In order of precedence: a profile, a named reference or --scaling locscale, --scaling soft, EMmerNet if
 * imported, soft scaling.
 */
async function choose(values: OptionValues, input: InputFiles): Promise<ChosenScaling> {
  const { scaling } = values;
  const reference = chooseReference(values);
  scalingSchemeOf(referenceTraitsOf(reference.kind), scaling);
  if (reference.kind === 'profile') return profile;
  const isNamed = reference.kind !== 'network' || wantsNetwork(values);
  if (isNamed || scaling === 'locscale') return { reference, scaling: scaling ?? 'locscale' };
  if (scaling === 'soft') return profile;
  if (await emmernetIsImported(modelsFolder())) return network;
  return chooseForNobody(values, input);
}

const profile = { reference: { kind: 'profile' }, scaling: 'soft' } as const;
const network = { reference: { kind: 'network' }, scaling: 'locscale' } as const;

/** Neither a reference nor a scheme is named, and EMmerNet is not imported. */
function chooseForNobody(values: OptionValues, input: InputFiles): ChosenScaling {
  // Called as `locscale`, command lines written for LocScale must keep working: they fall back to its scheme.
  const old = "LocScale's windows with the bundled network: --scaling locscale";
  const withoutResolution = input.kind === 'map' && values.resolution === undefined;
  const option = onlyLocScaleHas(values);
  if (calledAsLocScale() && (withoutResolution || option !== undefined)) {
    const why = withoutResolution
      ? 'Soft scaling of a single map needs its resolution (-res)'
      : `Soft scaling has no ${option?.name}`;
    return { ...network, warning: `${why}: windows are scaled to a reference of the bundled network.` };
  }
  if (withoutResolution)
    throw usage(
      'A single map is scaled up to its resolution, which is not given.',
      '-res',
      `Give the resolution of the map with -res, or its half maps with -hm (${old}).`,
    );
  return {
    ...profile,
    because: `Soft scaling to an average protein, the default without EMmerNet (${old}).`,
  };
}

/** The first option given that is incompatible with soft scaling. */
function onlyLocScaleHas(values: OptionValues): { name: string; why: string } | undefined {
  for (const id of optionIds) {
    const { notInSoft, names } = definitionOf(id);
    if (notInSoft !== undefined && values[id] !== undefined) return { name: names[0], why: notInSoft };
  }
  return undefined;
}

/** Options without a meaning for soft bands are errors, so that none is ignored silently. */
function refuseWithSoft(values: OptionValues): void {
  const option = onlyLocScaleHas(values);
  if (option === undefined) return;
  const { name, why } = option;
  const hint = `Leave ${name} out, or add --scaling locscale.`;
  throw usage(`${name} cannot be used with soft scaling: ${why}.`, name, hint);
}
