"""The pages that customers use in a browser: plain HTML, labelled as a fake."""
