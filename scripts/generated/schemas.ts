/**
 * JSON schemas of what seccam writes, from the types of `src/outputs/answers.ts` and of diagnostics: the
 * types are the one source. Knows the parts of TypeScript that those files use and refuses all others.
 */
import { join } from 'node:path';
import ts from 'typescript';

interface Wanted {
  readonly file: string;
  readonly type: string;
  readonly title: string;
}

const wanted: readonly Wanted[] = [
  {
    file: 'detection',
    type: 'DetectionLine',
    title: 'A line of `seccam replay --format json` and of the agent',
  },
  { file: 'event', type: 'EventLine', title: 'A line of `seccam inspect --events --format json`' },
  { file: 'recording', type: 'RecordingSummary', title: '`seccam inspect RECORDING --format json`' },
  { file: 'process', type: 'TreeLine', title: 'A line of `seccam inspect RECORDING --tree --format json`' },
  { file: 'test-result', type: 'TestDocument', title: '`seccam test --format json`' },
  { file: 'explain', type: 'ExplainResult', title: '`seccam explain --format json`' },
  { file: 'check', type: 'CheckSummary', title: '`seccam check --format json`' },
  { file: 'diff-rules', type: 'RulesDiff', title: '`seccam diff --base REF --format json`' },
  { file: 'diff-recordings', type: 'RecordingsDiff', title: '`seccam diff A B --format json`' },
];

type Schema = { [key: string]: unknown };

/** path in the repository → text. */
export function answerSchemas(root: string): Map<string, string> {
  const file = join(root, 'src/outputs/answers.ts');
  const program = ts.createProgram([file], {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noEmit: true,
  });
  const source = program.getSourceFile(file);
  if (source === undefined) throw new Error(`cannot read ${file}`);
  const checker = program.getTypeChecker();
  const exported = new Map(
    checker.getExportsOfModule(checker.getSymbolAtLocation(source)!).map((symbol) => [symbol.name, symbol]),
  );
  return new Map(
    wanted.map(({ file: name, type, title }) => {
      const symbol = exported.get(type);
      if (symbol === undefined) throw new Error(`answers.ts exports no type ${type}`);
      const writer = new SchemaWriter(checker);
      const schema = {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title,
        ...writer.document(checker.getDeclaredTypeOfSymbol(symbol)),
      };
      return [`schema/${name}.json`, `${JSON.stringify(schema, undefined, 2)}\n`];
    }),
  );
}

class SchemaWriter {
  readonly #definitions = new Map<string, Schema>();

  constructor(readonly checker: ts.TypeChecker) {}

  document(type: ts.Type): Schema {
    const schema = this.#object(type);
    return this.#definitions.size === 0
      ? schema
      : { ...schema, $defs: Object.fromEntries([...this.#definitions].sort(([a], [b]) => (a < b ? -1 : 1))) };
  }

  #of(type: ts.Type): Schema {
    if (type.flags & (ts.TypeFlags.Unknown | ts.TypeFlags.Any)) return {};
    if (type.flags & ts.TypeFlags.Null) return { type: 'null' };
    if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
    if (type.flags & ts.TypeFlags.BooleanLiteral)
      return { const: this.checker.typeToString(type) === 'true' };
    if (type.flags & ts.TypeFlags.String) return { type: 'string' };
    if (type.flags & ts.TypeFlags.Number) return { type: 'number' };
    if (type.flags & ts.TypeFlags.Boolean) return { type: 'boolean' };
    if (type.isUnion()) return this.#union(type);
    if (this.checker.isTupleType(type)) {
      const members = this.checker
        .getTypeArguments(type as ts.TypeReference)
        .map((member) => this.#of(member));
      return { type: 'array', prefixItems: members, minItems: members.length, maxItems: members.length };
    }
    if (this.checker.isArrayType(type))
      return { type: 'array', items: this.#of(this.checker.getTypeArguments(type as ts.TypeReference)[0]!) };
    if (type.flags & ts.TypeFlags.Object) return this.#named(type);
    throw new Error(`no schema for ${this.checker.typeToString(type)}`);
  }

  #union(type: ts.UnionType): Schema {
    const members = type.types.filter((member) => !(member.flags & ts.TypeFlags.Undefined));
    if (members.every((member) => member.isStringLiteral() || member.isNumberLiteral())) {
      return { enum: members.map((member) => (member as ts.LiteralType).value as string | number) };
    }
    if (members.every((member) => member.flags & ts.TypeFlags.BooleanLiteral)) return { type: 'boolean' };
    if (members.length === 1) return this.#of(members[0]!);
    return { anyOf: members.map((member) => this.#of(member)) };
  }

  /** Interfaces with a name become definitions, so that trees may hold themselves. */
  #named(type: ts.Type): Schema {
    const name = type.aliasSymbol?.name ?? type.symbol?.name ?? '__type';
    if (name === '__type' || name === 'Record' || name === 'Readonly' || name === 'Map')
      return this.#object(type);
    if (!this.#definitions.has(name)) {
      this.#definitions.set(name, {});
      this.#definitions.set(name, this.#object(type));
    }
    return { $ref: `#/$defs/${name}` };
  }

  #object(type: ts.Type): Schema {
    const index = this.checker.getIndexInfoOfType(type, ts.IndexKind.String);
    if (index !== undefined) return { type: 'object', additionalProperties: this.#of(index.type) };
    const properties: Schema = {};
    const required: string[] = [];
    for (const property of this.checker.getPropertiesOfType(type)) {
      const declared = this.checker.getTypeOfSymbol(property);
      const description = ts
        .displayPartsToString(property.getDocumentationComment(this.checker))
        .replaceAll(/\s+/g, ' ');
      properties[property.name] = { ...this.#of(declared), ...(description === '' ? {} : { description }) };
      const mayBeAbsent =
        (property.flags & ts.SymbolFlags.Optional) !== 0 ||
        (declared.isUnion() && declared.types.some((member) => member.flags & ts.TypeFlags.Undefined));
      if (!mayBeAbsent) required.push(property.name);
    }
    return { type: 'object', properties, required };
  }
}
