/**
 * What several sources tell, as it comes. One item of each is held at most, so none runs ahead of whoever listens; a source
 * that fails ends it, and all are ended with it.
 */
export async function* together<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const open = new Set(sources.map((source) => source[Symbol.asyncIterator]()));
  const told: (() => { readonly from: AsyncIterator<T>; readonly next: IteratorResult<T> })[] = [];
  let wake = (): void => undefined;
  const ask = (from: AsyncIterator<T>): void => {
    const tell = (answer: (typeof told)[number]) => {
      told.push(answer);
      wake();
    };
    from.next().then(
      (next) => tell(() => ({ from, next })),
      (error: unknown) =>
        tell(() => {
          open.delete(from);
          throw error;
        }),
    );
  };
  try {
    open.forEach(ask);
    while (open.size > 0) {
      const answer = told.shift();
      if (!answer) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      const { from, next } = answer();
      if (next.done) {
        open.delete(from);
        continue;
      }
      yield next.value;
      ask(from);
    }
  } finally {
    await Promise.allSettled([...open].map(async (source) => source.return?.()));
  }
}
