"""From a data set on disk to what a model is trained on, with the rights of every track on record.

readers ──tracks──► ledger (licence, consent, decision) ──► preparation (sound, features, codes)
        ──► duplicates, splits ──► shards, audiocraft's lists, attribution ──► manifest
"""
