import { CallfsError } from '@callfs/core';

const MAX_DEPTH = 32;
const MAX_VALUES = 10_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Refuses a text that would come to more than 32 levels or 10,000 values, in one pass and before `JSON.parse` allocates
 * anything. It counts brackets and commas outside strings; whether the text is JSON at all is not its affair.
 */
export function assertJsonWithin(text: string): void {
  let depth = 0;
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > MAX_DEPTH) throw tooComplex(`it is nested deeper than ${MAX_DEPTH} levels`);
        values++;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x2c: // ,
        values++;
        break;
    }
    if (values > MAX_VALUES) throw tooComplex(`it has more than ${MAX_VALUES} values`);
  }
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === BACKSLASH) i++;
    else if (char === QUOTE) return i;
  }
  return text.length;
}

function tooComplex(reason: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `The JSON body is refused: ${reason}.`);
}
