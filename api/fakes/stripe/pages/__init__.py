"""The pages one clicks through in a browser: plain HTML, labelled as a fake."""
