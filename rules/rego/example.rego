# An example policy over auditor's own result: copy it beside your rules, name it under `policies:`, and change it.
#
#     auditor check --base origin/main -f json=result.json
#     opa eval --fail-defined --data example.rego --input result.json 'data.auditor.deny[_]'
#     conftest test --namespace auditor --policy example.rego result.json
#
# `input` is the JSON of a run, version 1 (docs/reference/json.md). `deny` fails the run, `warn` does not.
package auditor

# Whoever deploys to production deploys what one of these workflows has built.
builders := {"https://github.com/acme/platform/.github/workflows/release.yaml"}

# Images that the change newly deploys; without a base every image is judged.
judged contains image if {
	some image in input.images
	image.verdict != null
	image.change != "removed"
}

in_production(image) if {
	some use in image.uses
	startswith(use.file, "clusters/prod/")
}

built_by_us(image) if {
	some signature in image.signatures
	signature.status == "valid"
	signature.allowed
	some builder in builders
	startswith(signature.identity.subject, concat("", [builder, "@refs/tags/"]))
}

deny contains {"msg": msg, "image": image.reference, "file": use.file, "line": use.line} if {
	some image in judged
	in_production(image)
	not built_by_us(image)
	some use in image.uses
	msg := sprintf("%s runs in production and was not built by the platform's release workflow", [image.reference])
}

warn contains {"msg": msg, "image": image.reference} if {
	some image in judged
	in_production(image)
	not image.pinned
	msg := sprintf("%s runs in production by tag", [image.reference])
}

# A run that could not judge everything is no clean run.
deny contains "the run is not complete: something could not be judged" if not input.run.complete
