// Compiles MJML with both major versions of its reference compiler.
// In: a JSON list of MJML documents. Out: a JSON list of {"mjml4": HTML, "mjml5": HTML}.
const fs = require('fs')

const options = { fonts: {}, validationLevel: 'strict', keepComments: true, minify: false }

async function compiled(version, source) {
  const found = await require(version)(source, options)
  return found.html
}

async function main() {
  const results = []
  for (const source of JSON.parse(fs.readFileSync(0, 'utf8')))
    results.push({ mjml4: await compiled('mjml4', source), mjml5: await compiled('mjml5', source) })
  process.stdout.write(JSON.stringify(results))
}

main()
