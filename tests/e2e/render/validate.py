"""Holds a YAML text from standard input against published schemas; says what is wrong and exits with 1.

validate.py kubernetes VERSION...
validate.py compose SCHEMA.json
"""

import json
import sys

import jsonschema
import kubernetes_validate
import yaml


def kubernetes(document, versions):
    for version in versions:
        # A field that the schema does not know is wrong, too.
        kubernetes_validate.validate(document, version, strict=True)


def compose(document, schemas):
    for schema in schemas:
        with open(schema, encoding="utf-8") as file:
            jsonschema.validate(document, json.load(file), cls=jsonschema.Draft202012Validator)


def main():
    judge = {"kubernetes": kubernetes, "compose": compose}[sys.argv[1]]
    documents = list(yaml.safe_load_all(sys.stdin))
    for document in documents:
        try:
            judge(document, sys.argv[2:])
        except jsonschema.ValidationError as error:
            sys.exit("/".join(str(part) for part in error.absolute_path) + ": " + error.message)
    print(len(documents))


main()
