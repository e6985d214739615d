/** `--config`, the same for every command that reads the configuration. */
export const CONFIG_OPTION = {
  flags: '-c, --config <file>',
  description: 'configuration file (default: config.yaml, config.yml or config.json in this directory)',
};

export interface ConfigOption {
  readonly config?: string;
}
