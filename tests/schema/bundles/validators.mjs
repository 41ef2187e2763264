// What three validators of JavaScript say: node validators.mjs BUNDLE [MESSAGES]
//
// BUNDLE is a file of `qmpconf schema export`.  Each definition in it is compiled; then each line of MESSAGES,
// `[definition, text of a payload]`, is judged.  Prints one line of JSON: {validator: [definitions, "1011..."]}.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const home = createRequire(path.join(process.env.NODE_PACKAGES, 'package.json'));
const load = (name) => import(pathToFileURL(home.resolve(name)));
const bundle = JSON.parse(fs.readFileSync(process.argv[2]));
const messages = process.argv[3]
  ? fs.readFileSync(process.argv[3], 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
  : [];
const names = Object.keys(bundle.$defs);
const fragment = (name) => '#/$defs/' + encodeURI(name.replaceAll('~', '~0').replaceAll('/', '~1'));

async function ajv() {
  const module = await load('ajv/dist/2020.js');
  const Ajv = module.default.default ?? module.default;
  const one = new Ajv({ strict: true });
  one.addSchema(bundle);
  return (name) => one.getSchema(bundle.$id + fragment(name));
}

async function hyperjump() {
  const { registerSchema, validate } = await load('@hyperjump/json-schema/draft-2020-12');
  registerSchema(bundle);
  return async (name) => {
    const judge = await validate(bundle.$id + fragment(name));
    return (value) => judge(value).valid;
  };
}

async function cfworker() {
  const { dereference, validate } = await load('@cfworker/json-schema');
  const known = dereference(bundle);
  return (name) => {
    const schema = { $ref: fragment(name), __absolute_ref__: bundle.$id + fragment(name) };
    if (!(schema.__absolute_ref__ in known)) throw new Error(`${name} is not known`);
    return (value) => validate(value, schema, '2020-12', known, true).valid;
  };
}

const found = {};
for (const make of [ajv, hyperjump, cfworker]) {
  const compile = await make();
  const judges = {};
  for (const name of names) judges[name] = await compile(name);
  const verdicts = messages.map(([name, text]) => (judges[name](JSON.parse(text)) ? '1' : '0'));
  found[make.name] = [names.length, verdicts.join('')];
}
console.log(JSON.stringify(found));
