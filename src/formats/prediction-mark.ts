/**
 * Detects predicted coordinates, whose B column may hold a confidence (pLDDT). Deposited structures also name
 * the predictions they started from, so a file that states an experiment does not count as predicted.
 */

/** Programs that write pLDDT into the B column. */
const PREDICTORS =
  /\b(?:(?:esm|colab|open|omega|rosetta)-?fold|alpha-?fold\d?|boltz(?:-?\d)?|chai-?1|protenix)\b/i;
/**
 * "REMARK   1 CREATED WITH BOLTZ". Other mentions, such as the starting model of a refinement, do not count.
 */
const MADE_BY = /\b(?:created|generated|predicted|made|produced)\s+(?:with|by|using)\b/i;
const CONFIDENCE = /\bpLDDT\b/i;

/** What a file states about its origin. */
export interface FileMarks {
  /** Titles, headers, names of software. */
  readonly names: readonly string[];
  /** Remarks about column contents and the program that wrote the file. */
  readonly remarks: readonly string[];
  /** Experimental method, '' if none is stated. */
  readonly method: string;
  /** Whether ModelCIF's quality metrics are present, and the name of the first. */
  readonly qualityMetric?: string | undefined;
}

/** The mark of a predicted structure; undefined for experimental ones. */
export function predictionMark({ names, remarks, method, qualityMetric }: FileMarks): string | undefined {
  if (qualityMetric !== undefined && (CONFIDENCE.test(qualityMetric) || qualityMetric === ''))
    return '_ma_qa_metric';
  const remark = remarks.find((text) => CONFIDENCE.test(text));
  if (remark !== undefined) return shorten(remark);
  if (method !== '' && !/theoretical|predict/i.test(method)) return undefined;
  const maker = remarks.find((text) => MADE_BY.test(text) && PREDICTORS.test(text));
  if (maker !== undefined) return shorten(maker);
  const name = names.find((text) => PREDICTORS.test(text) || CONFIDENCE.test(text));
  return name === undefined ? undefined : shorten(name);
}

/** For a sentence, in quotes. */
function shorten(text: string): string {
  const plain = text.replace(/\s+/g, ' ').trim();
  return `"${plain.length > 60 ? `${plain.slice(0, 57)}...` : plain}"`;
}
