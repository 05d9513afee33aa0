"""The one place where the version stands; the package metadata reads it from here."""

VERSION = "0.1.0"
