from affekt.corpora.sentences import SENTENCES


def test_every_language_has_as_many_different_sentences():
    assert len(SENTENCES) == 4
    assert {len(texts) for texts in SENTENCES.values()} == {20}
    texts = [text for language in SENTENCES.values() for text in language]
    assert len(set(texts)) == len(texts)


def test_sentences_are_short_statements():
    for texts in SENTENCES.values():
        for text in texts:
            assert text.endswith(".")
            assert text[0].isupper()
            assert 4 <= len(text.split()) <= 9
