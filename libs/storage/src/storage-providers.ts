import { CallfsError } from '@callfs/core';
import type { StorageProvider } from './storage-provider';

/** The backends of this node, by name. */
export class StorageProviders {
  private readonly byName: ReadonlyMap<string, StorageProvider>;
  /** Takes new content (`backend.default_backend`). */
  readonly default: StorageProvider;

  constructor(providers: readonly StorageProvider[], defaultName: string) {
    this.byName = new Map(providers.map((provider) => [provider.name, provider]));
    this.default = this.get(defaultName);
  }

  /** `BACKEND_UNAVAILABLE` when this node has none of that name. */
  get(name: string): StorageProvider {
    const provider = this.byName.get(name);
    if (provider) return provider;
    throw new CallfsError('BACKEND_UNAVAILABLE', `This node has no backend "${name}". Configure it, or ask a node that has it.`);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  all(): StorageProvider[] {
    return [...this.byName.values()];
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((provider) => provider.close()));
  }
}
