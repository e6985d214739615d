/** One route as the router has it: a method and a pattern such as `/v1/files/*` or `/v1/links/:id`. */
export interface Route {
  readonly method: string;
  readonly pattern: string;
  /** Needs no key. */
  readonly open: boolean;
}

/** Every route there is, for what routers do not tell: which methods a path has (`Allow`), and the test of the OpenAPI document. */
export class RouteCatalogue {
  private readonly byPattern = new Map<string, { matches: RegExp; methods: Set<string>; open: boolean }>();

  add(method: string, pattern: string, open: boolean): void {
    let entry = this.byPattern.get(pattern);
    if (entry === undefined) {
      entry = { matches: patternToRegExp(pattern), methods: new Set(), open };
      this.byPattern.set(pattern, entry);
    }
    entry.methods.add(method);
  }

  get routes(): Route[] {
    return [...this.byPattern].flatMap(([pattern, { methods, open }]) =>
      [...methods].map((method) => ({ method, pattern, open })),
    );
  }

  /** The methods of the routes that `path` (as routed) belongs to, `OPTIONS` included, and whether they are open. */
  match(path: string): { methods: string[]; open: boolean } {
    const methods = new Set<string>();
    let open = true;
    for (const entry of this.byPattern.values()) {
      if (!entry.matches.test(path)) continue;
      for (const method of entry.methods) methods.add(method);
      open &&= entry.open;
    }
    if (methods.size > 0) methods.add('OPTIONS');
    return { methods: [...methods].sort(), open };
  }
}

function patternToRegExp(pattern: string): RegExp {
  const parts = pattern.split(/(:[A-Za-z0-9_]+|\*)/).map((part) => {
    if (part === '*') return '.*';
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`);
}
