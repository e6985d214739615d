import tseslint from 'typescript-eslint';

const libs = ['metadata', 'storage', 'locking', 'auth', 'limiting'];

/** Dependencies point one way: http | cli → use-cases → libs → core (docs/architecture.md). */
const layer = (files, forbidden) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: forbidden.map(([group, message]) => ({ group, message })) }] },
});

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', '**/*.mjs', '**/*.mts', '**/*.js'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/require-await': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
    },
  },
  layer(
    ['libs/core/src/**'],
    [[['@callfs/*', '@nestjs/*', 'fastify'], 'libs/core depends on nothing of ours and knows no framework.']],
  ),
  ...libs.map((lib) =>
    layer(
      [`libs/${lib}/src/**`],
      [
        [
          libs.filter((other) => other !== lib).map((other) => `@callfs/${other}`),
          'A lib imports nothing of ours but @callfs/core.',
        ],
        [['**/apps/**', '**/http/**', '**/use-cases/**', 'fastify', '@nestjs/platform-fastify'], 'A lib knows nothing of HTTP.'],
      ],
    ),
  ),
  layer(
    ['apps/callfs/src/use-cases/**'],
    [
      [
        ['**/http/**', '**/cli/**', 'fastify', '@nestjs/platform-fastify'],
        'A use case knows nothing of HTTP or the command line.',
      ],
    ],
  ),
  {
    files: ['{apps,libs,test}/**/*.spec.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      'no-console': 'off',
    },
  },
);
