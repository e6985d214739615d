import { CommandFailure, EXIT } from '../exit-codes';

/** Where the sources of one command go. A second one for the same place fails: it would take that of the first. */
export class Places {
  private readonly taken = new Map<string, string>();

  take(place: string, source: string): void {
    const earlier = this.taken.get(place);
    if (earlier !== undefined)
      throw new CommandFailure(
        `it would replace ${earlier}, which has just come to ${place}. Give it another name there.`,
        EXIT.failed,
      );
    this.taken.set(place, source);
  }
}
