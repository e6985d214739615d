/**
 * The smallest list of steps that still fails, as far as leaving out runs of them goes (delta debugging, Zeller 2002):
 * runs half as long as the list, then a quarter, down to single steps, until no step can be left out.
 */
export async function shrink<T>(steps: readonly T[], fails: (steps: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let smallest = steps;
  let length = Math.ceil(smallest.length / 2);
  while (length >= 1 && smallest.length > 1) {
    let removed = false;
    for (let start = 0; start < smallest.length;) {
      const without = [...smallest.slice(0, start), ...smallest.slice(start + length)];
      if (without.length > 0 && (await fails(without))) {
        smallest = without;
        removed = true;
      } else {
        start += length;
      }
    }
    if (length === 1 && !removed) break;
    length = length === 1 ? 1 : Math.ceil(length / 2);
  }
  return smallest;
}
