// Validates HTML documents by html-validate's recommended rules, without those that are a matter of style.
// In: a JSON list of documents. Out: for each a list of its problems, as "rule: message (line:column)".
const fs = require('fs')
const { HtmlValidate } = require('html-validate')

// What stays on: nesting, elements and attributes that are not closed, unknown, misplaced, twice or without a
// permitted value, ids that are twice or not there, character references, missing alternative texts, labels,
// titles and headings, and misused ARIA.
const matterOfStyle = {
  // Mail programs need it: most ignore style elements or some of their rules, and Outlook reads attributes and
  // conditional comments rather than CSS.
  'no-inline-style': 'off',
  'no-deprecated-attr': 'off',
  'no-conditional-comment': 'off',
  'prefer-tbody': 'off',
  'prefer-native-element': 'off',
  // How the source looks.
  'attr-quotes': 'off',
  'attribute-boolean-style': 'off',
  'attribute-empty-style': 'off',
  'doctype-style': 'off',
  'no-trailing-whitespace': 'off',
  'void-style': 'off',
  // Length, and what search engines show.
  'long-title': 'off',
  // Forms name the fields of a group alike; groups of checkboxes share a name.
  'form-dup-name': 'off',
  // Stylesheets and scripts come from the page's own server.
  'require-sri': 'off'
}

const validator = new HtmlValidate({
  root: true,
  extends: ['html-validate:recommended', 'html-validate:document'],
  rules: matterOfStyle
})

async function main() {
  const results = []
  for (const source of JSON.parse(fs.readFileSync(0, 'utf8'))) {
    const report = await validator.validateString(source)
    const messages = report.results.flatMap((one) => one.messages)
    results.push(messages.map((one) => `${one.ruleId}: ${one.message} (${one.line}:${one.column})`))
  }
  process.stdout.write(JSON.stringify(results))
}

main()
