"""Stories in documents and messages: blocks of text, lines that say what they are about, and splitting."""
