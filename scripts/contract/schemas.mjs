// tsoa writes schemas that tools for OpenAPI 3.0.3 misread: they are put into the form that all of them take.

const REF = '#/components/schemas/';
const NULL = { type: 'string', nullable: true, enum: [null] };

/** @param {object} contract changed in place */
export function completeSchemas(contract) {
  const schemas = contract.components.schemas;
  walk(contract, (part) => {
    allowNull(part, schemas);
    unite(part, schemas);
    standAlone(part);
  });
  dropUnused(contract);
}

/**
 * `nullable` says something only beside `type` (OpenAPI 3.0.3, Proposal "Clarify Nullable"). Text is written out; of an object the name is kept
 * for generated clients.
 */
function allowNull(part, schemas) {
  if (!part.nullable || part.type !== undefined) return;
  if (part.anyOf) part.anyOf[0] = { ...part.anyOf[0], nullable: true };
  if (part.allOf) {
    const [{ $ref }] = part.allOf;
    const { description, example, ...meant } = schemas[nameOf($ref)];
    delete part.allOf;
    if (meant.type === 'string') return void Object.assign(part, meant, { description: part.description ?? description, example: part.example ?? example });
    part.oneOf = [{ $ref }, { ...NULL }];
  }
  delete part.nullable;
}

/** A union is of things that exclude each other: objects by a literal `type` or `kind`, or by what they require. */
function unite(part, schemas) {
  if (!part.anyOf) return;
  part.oneOf = part.anyOf;
  delete part.anyOf;
  const branches = part.oneOf.map(({ $ref }) => schemas[nameOf($ref)]);
  const propertyName = ['type', 'kind'].find((name) => branches.every((branch) => branch?.properties?.[name]?.enum?.length === 1));
  if (propertyName === undefined) return;
  part.discriminator = { propertyName, mapping: Object.fromEntries(part.oneOf.map(({ $ref }, index) => [branches[index].properties[propertyName].enum[0], $ref])) };
}

/** What stands beside `$ref` is ignored (OpenAPI 3.0.3 §4.7.23). */
function standAlone(part) {
  if (!part.$ref?.startsWith(REF) || Object.keys(part).length === 1) return;
  part.allOf = [{ $ref: part.$ref }];
  delete part.$ref;
}

/** Queries are parameters, one by one; as schemas nothing refers to them. */
function dropUnused(contract) {
  const schemas = contract.components.schemas;
  const used = new Set();
  const follow = (part) => walk(part, ({ $ref, discriminator }) => {
    for (const ref of [$ref, ...Object.values(discriminator?.mapping ?? {})]) {
      const name = nameOf(ref);
      if (name === undefined || used.has(name)) continue;
      used.add(name);
      follow(schemas[name]);
    }
  });
  follow({ paths: contract.paths, responses: contract.components.responses });
  for (const name of Object.keys(schemas)) if (!used.has(name)) delete schemas[name];
}

const nameOf = (ref) => (typeof ref === 'string' && ref.startsWith(REF) ? ref.slice(REF.length) : undefined);

/** Each object in a document, outer ones first; what an example holds is data. */
function walk(part, visit) {
  if (part === null || typeof part !== 'object') return;
  if (!Array.isArray(part)) visit(part);
  for (const [key, value] of Object.entries(part)) if (key !== 'example' && key !== 'examples') walk(value, visit);
}
