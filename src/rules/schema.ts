/**
 * The zod schema of policy files, made from the shape that the loader checks with, and from it the JSON
 * schema that editors read (`schema/policy.json`). Reached only by the generator and by callers that want
 * the schema: loading does not need zod.
 */
import { z } from 'zod';
import { type ObjectShape, policyShape, type Shape } from './shape.js';

function schemaOf(shape: Shape): z.ZodType {
  switch (shape.kind) {
    case 'text':
      return shape.among === undefined
        ? z.union([z.string(), z.number(), z.boolean()]).describe(shape.doc)
        : z.enum(shape.among as [string, ...string[]]).describe(shape.doc);
    case 'flag':
      return z.boolean().describe(shape.doc);
    case 'number':
      return z.int().describe(shape.doc);
    case 'duration':
      return z
        .union([z.string().regex(/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/), z.int().nonnegative()])
        .describe(shape.doc);
    case 'value':
      return z
        .union([z.string(), z.int(), z.boolean(), z.array(z.string()), z.array(z.int())])
        .describe(shape.doc);
    case 'texts':
      return z
        .array(
          shape.among === undefined
            ? z.union([z.string(), z.number(), z.boolean()])
            : z.enum(shape.among as [string, ...string[]]),
        )
        .describe(shape.doc);
    case 'map':
      return z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).describe(shape.doc);
    case 'items':
      return z.array(objectSchema(shape.of)).describe(shape.doc);
    case 'object':
      return objectSchema(shape.of).describe(shape.doc);
    case 'anything':
      return z.unknown().describe(shape.doc);
  }
}

function objectSchema(shape: ObjectShape): z.ZodType {
  const members = Object.entries(shape.keys).map(([key, member]): [string, z.ZodType] => [
    key,
    shape.required.includes(key) ? schemaOf(member) : schemaOf(member).optional(),
  ]);
  return z.strictObject(Object.fromEntries(members));
}

/** Accepts the JavaScript value of a policy's YAML. */
export const policySchema: z.ZodType = objectSchema(policyShape);

/** The JSON schema of policy files. */
export function policyJsonSchema(): Record<string, unknown> {
  return {
    title: 'Policy: detection rules in SECL',
    ...z.toJSONSchema(policySchema, { unrepresentable: 'any' }),
  };
}
