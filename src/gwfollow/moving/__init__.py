"""Moving house: what asimov and olivaw know comes in, and goes out again in asimov's form.

asimov_ledger   asimov's ledgers (YAML, SQL) as plain data
olivaw          the event descriptions of the GitLab era as the same plain data
words           their words for a status
translate       that data as blueprint documents, and what each analysis has behind it
arrive          both into the ledger
asimov_form     the ledger as an asimov 0.8 ledger.yml
"""
